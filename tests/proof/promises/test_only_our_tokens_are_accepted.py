"""Tokens: only ours. The forgeries with a name are in tests/api/test_tokens.py; here are those that chance makes."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import tokens
from api.access import hash_of
from api.accounts.models import Login
from api.errors import Unauthenticated
from api.openapi import BASE_PATH
from tests.api.test_tokens import CLAIMS, HEADER, claims_of, part, signed
from tests.proof.crowd import ADA, Headers, bearer
from tests.proof.ledger import proven
from tests.proof.scale import FULL
from tests.proof.world import World

ME = f"{BASE_PATH}/auth/me"
DRAWN = 2000 if FULL else 100
_DAY = 24 * 3600

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_absent = st.just("absent")
_often = settings(
    max_examples=DRAWN, derandomize=True, database=None, deadline=None, suppress_health_check=[*HealthCheck]
)


def status(world: World, token: str) -> int:
    return int(world.client.get(ME, headers=bearer(token)).status_code)


def token_of(headers: Headers) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


def secret_of(world: World) -> bytes:
    return world.settings.jwt_secret.reveal()


def edited(token: str) -> Iterator[str]:
    """The token with one bit changed: of what its parts say, and of its text."""
    parts = token.split(".")
    for place, written in enumerate(parts):
        content = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
        for bit in range(8 * len(content)):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            yield ".".join([*parts[:place], part(bytes(changed)), *parts[place + 1 :]])
    for place, letter in enumerate(token):
        for bit in range(8):
            yield f"{token[:place]}{chr(ord(letter) ^ 1 << bit)}{token[place + 1 :]}"


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_token_with_one_bit_changed_is_none(world: World, kind: tokens.Kind) -> None:
    token = str(world.crowd.sign_in(ADA)[f"{kind}Token"])
    forgeries, accepted = set(edited(token)), []
    with world.app.app_context():
        tokens.read(token, kind)  # else this proves nothing
        for forgery in forgeries:
            try:
                tokens.read(forgery, kind)
            except Unauthenticated:
                continue
            accepted.append(forgery)

    assert accepted == []
    proven("P13", f"each bit of {kind} tokens changed, in what they say and in their text", _refused(len(forgeries)))


def test_a_refresh_token_written_otherwise_ends_nobodys_login(world: World) -> None:
    """Two texts for one token would be two hashes: the second would look like a copy that a thief shows."""
    token = str(world.crowd.sign_in(ADA)["refreshToken"])
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    otherwise = token[:-1] + letters[letters.index(token[-1]) ^ 1]

    answer = world.client.post(f"{BASE_PATH}/auth/refresh", json={"refreshToken": otherwise})

    assert answer.status_code == 401
    assert Login.select().where(Login.refresh_hash == hash_of(token), Login.ended_at.is_null()).exists()


def test_claims_that_chance_writes_are_refused_under_our_own_signature(world: World) -> None:
    ours = claims_of(token_of(world.crowd.ada))
    around = range(ours["iat"] - _DAY, ours["exp"] + _DAY)  # times that might be ours
    accepted: list[Any] = []
    refused = 0

    @_often
    @given(st.dictionaries(st.sampled_from([*CLAIMS, "nbf"]), _absent | _json, min_size=1, max_size=1))
    def forge(changes: dict[str, Any]) -> None:
        nonlocal refused
        if any(type(changes.get(claim)) is int and changes[claim] in around for claim in ("iat", "exp")):
            return
        claims = {name: value for name, value in {**ours, **changes}.items() if value != "absent"}
        if claims == ours:
            return
        if status(world, signed(secret_of(world), HEADER, claims)) != 401:
            accepted.append(changes)
        refused += 1

    forge()

    assert accepted == [] and refused >= DRAWN // 2
    proven("P13", "claims that chance writes, signed with our own secret", _refused(refused), "derandomized")


def test_headers_that_chance_writes_are_refused_under_our_own_signature(world: World) -> None:
    ours = claims_of(token_of(world.crowd.ada))
    names = st.sampled_from(
        ["alg", "typ", "kid", "jku", "jwk", "x5u", "x5c", "x5t", "crit", "cty", "b64", "zip", "iss"]
    )
    accepted: list[Any] = []
    refused = 0

    @_often
    @given(st.dictionaries(names | st.text(max_size=8), _absent | _json, min_size=1, max_size=1))
    def forge(changes: dict[str, Any]) -> None:
        nonlocal refused
        header = {name: value for name, value in {**HEADER, **changes}.items() if value != "absent"}
        if header == HEADER:
            return
        if status(world, signed(secret_of(world), header, ours)) != 401:
            accepted.append(changes)
        refused += 1

    forge()

    assert accepted == [] and refused >= DRAWN // 2
    proven("P13", "headers that chance writes, signed with our own secret", _refused(refused), "derandomized")


def asymmetric(ours: dict[str, Any]) -> Iterator[str]:
    """Signed with a private key whose public half the token brings along, and with the public half as an HMAC's key."""
    private = rsa.generate_private_key(65537, 2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    brought: tuple[dict[str, Any], ...] = ({}, {"jwk": {"kty": "RSA"}}, {"kid": "rsa"}, {"x5c": [part(public)]})
    for more in brought:
        for algorithm in ("RS256", "HS256"):
            text = f"{part({**HEADER, **more, 'alg': algorithm})}.{part(ours)}"
            yield f"{text}.{part(private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
        yield signed(public, {**HEADER, **more}, ours)
        yield signed(public.strip(), {**HEADER, **more}, ours)
        yield signed(public, {**HEADER, **more, "alg": "RS256"}, ours)
    text = f"{part({**HEADER, 'alg': 'ES256'})}.{part(ours)}"
    yield f"{text}.{part(ec.generate_private_key(ec.SECP256R1()).sign(text.encode(), ec.ECDSA(hashes.SHA256())))}"


def test_no_key_but_ours_signs(world: World) -> None:
    ours = claims_of(token_of(world.crowd.ada))
    secret = secret_of(world)
    near = [secret[:-1], secret + b"\0", secret[::-1], secret.lower(), base64.b64decode(secret), b"\0" * 48]
    others = [key.reveal() for key in (world.settings.audit_key, world.settings.cookie_secret)]
    forgeries = [*asymmetric(ours), *(signed(key, HEADER, ours) for key in (*near, *others))]

    assert {status(world, forgery) for forgery in forgeries} == {401}
    proven("P13", "signed with other keys: RSA, EC, a public key as secret, ours cut short", _refused(len(forgeries)))


def test_a_token_counts_in_the_authorization_header_alone(world: World) -> None:
    token = token_of(world.crowd.ada)
    login = world.crowd.sign_in(ADA)
    headers: list[Headers] = [
        {"Authorization": token},
        {"Authorization": f"Token {token}"},
        {"Authorization": f"Basic {token}"},
        {"Authorization": f"JWT {token}"},
        {"Authorization": f"Bearer  {token}"},
        {"Authorization": f"Bearer {token}\t"},
        {"Authorization": f"Bearer {token}, Bearer {token}"},
        {"Authorization": f"Bearer {token} {token}"},
        {"Authorization": f'Bearer "{token}"'},
        {"Authorization": f"Bearer {login['refreshToken']}"},
        {"Proxy-Authorization": f"Bearer {token}"},
        {"X-Authorization": f"Bearer {token}"},
        {"X-Access-Token": token},
        {"X-API-Key": token},
        *({"Cookie": f"{name}={token}"} for name in ("access_token_cookie", "access_token", "token", "jwt", "session")),
    ]
    queries = [f"{name}={token}" for name in ("jwt", "token", "access_token", "authorization")]

    answers = [world.client.get(ME, headers=header) for header in headers]
    answers += [world.client.get(ME, query_string=query) for query in queries]
    answers += [world.client.get(ME, json={name: token}) for name in ("access_token", "token")]

    assert {answer.status_code for answer in answers} <= {400, 401}
    proven("P13", "our own token in another place, or under another scheme", _refused(len(answers)))


def test_a_token_that_was_made_before_the_secret_changed_is_none(world: World) -> None:
    """There is one secret and no ring of them: a new one ends all tokens at once."""
    ours = claims_of(token_of(world.crowd.ada))
    older = b"the secret that signed until yesterday, 48 bytes"

    forgeries = [
        signed(older, header, {**ours, "iat": int(time.time()) - age, "exp": int(time.time()) - age + 900})
        for age in (0, 60, 899)
        for header in (HEADER, {**HEADER, "kid": "previous"}, {**HEADER, "kid": 0}, {**HEADER, "kid": "../jwt-secret"})
    ]

    assert {status(world, forgery) for forgery in forgeries} == {401}
    proven("P13", "signed with the secret of yesterday", _refused(len(forgeries)))


def _refused(count: int) -> str:
    return f"{count:,} of {count:,} refused"
