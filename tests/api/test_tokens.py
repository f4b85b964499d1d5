"""Access and refresh tokens: ours are accepted, and nobody else's."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from flask_jwt_extended import jwt_required

from api import tokens
from api.accounts import service as accounts
from api.errors import Unauthenticated
from api.secret import Secret
from api.settings import Settings
from tests.api.conftest import BASE, PASSWORD, Caller, sign_in
from tests.proof.ledger import proven

HEADER = {"alg": "HS256", "typ": "JWT"}
CLAIMS = ("iss", "aud", "sub", "jti", "iat", "exp", "org", "sid", "role", "type")
YEAR = 365 * 24 * 3600

Forgeries = Iterator[tuple[str, str]]


def part(value: Any) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def signed(secret: bytes, header: Any, payload: Any, digest: Callable[..., Any] = hashlib.sha256) -> str:
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), digest))}"


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def forged_claims(secret: bytes, ours: Mapping[str, Any]) -> Forgeries:
    """Signed with our very secret, as whoever stole it, or found a way to let us sign, would."""
    wrong: tuple[Any, ...] = (None, "", "x", 0, 1, -1, 1.5, True, [], {}, ["x"])
    for claim in CLAIMS:
        yield f"no {claim}", signed(secret, HEADER, {name: ours[name] for name in ours if name != claim})
        for value in wrong:
            yield f"{claim} is {value!r}", signed(secret, HEADER, {**ours, claim: value})
    now = int(time.time())
    changes: dict[str, dict[str, Any]] = {
        "another issuer": {"iss": "https://elsewhere.example.com"},
        "several issuers": {"iss": [ours["iss"]]},
        "another audience": {"aud": "elsewhere"},
        "several audiences": {"aud": [ours["aud"], "elsewhere"]},
        "our audience in a list": {"aud": [ours["aud"]]},
        "another user": {"sub": str(uuid.uuid4())},
        "a user in capitals": {"sub": ours["sub"].upper()},
        "a user without dashes": {"sub": ours["sub"].replace("-", "")},
        "a user in braces": {"sub": f"{{{ours['sub']}}}"},
        "a user as urn": {"sub": f"urn:uuid:{ours['sub']}"},
        "another organisation": {"org": str(uuid.uuid4())},
        "another login": {"sid": str(uuid.uuid4())},
        "the user as login": {"sid": ours["sub"]},
        "another role": {"role": "ROOT"},
        "a role in small letters": {"role": "org_admin"},
        "another kind": {"type": "refresh"},
        "a kind in capitals": {"type": "ACCESS"},
        "a second too long": {"exp": ours["iat"] + 901},
        "a refresh token's life": {"exp": ours["iat"] + 7 * 24 * 3600},
        "30 years": {"exp": ours["iat"] + 30 * YEAR},
        "for ever": {"exp": 2**62},
        "beyond numbers": {"exp": 10**30},
        "infinite": {"exp": float("inf")},
        "not a number": {"exp": float("nan")},
        "no life": {"exp": ours["iat"]},
        "ends before it begins": {"exp": ours["iat"] - 1},
        "expired": {"iat": now - 1000, "exp": now - 100},
        "expired long ago": {"iat": now - YEAR, "exp": now - YEAR + 900},
        "from the future": {"iat": now + 100, "exp": now + 900},
        "from next year": {"iat": now + YEAR, "exp": now + YEAR + 900},
        "times as text": {"iat": str(ours["iat"]), "exp": str(ours["exp"])},
        "times with fractions": {"iat": float(ours["iat"]), "exp": float(ours["exp"])},
        "not before next year": {"nbf": now + YEAR},
        "not before text": {"nbf": "never"},
    }
    for name, change in changes.items():
        yield name, signed(secret, HEADER, {**ours, **change})


def forged_headers(secret: bytes, ours: Mapping[str, Any]) -> Forgeries:
    """Our claims under another header, signed with our secret."""
    algorithms: tuple[Any, ...] = (
        "none", "None", "NONE", "nOnE", "", None, "hs256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA", 256,
        ["HS256"], {"alg": "HS256"},
    )  # fmt: skip
    for algorithm in algorithms:
        yield f"alg {algorithm!r}", signed(secret, {**HEADER, "alg": algorithm}, ours)
        yield f"alg {algorithm!r} without signature", f"{part({**HEADER, 'alg': algorithm})}.{part(ours)}."
    yield "really HS384", signed(secret, {**HEADER, "alg": "HS384"}, ours, hashlib.sha384)
    yield "really HS512", signed(secret, {**HEADER, "alg": "HS512"}, ours, hashlib.sha512)
    extras: dict[str, Any] = {
        "kid": "first",
        "jku": "https://elsewhere.example.com/keys",
        "jwk": {"kty": "oct", "k": part(secret)},
        "x5u": "https://elsewhere.example.com/keys",
        "x5c": [],
        "crit": ["exp"],
        "b64": False,
        "zip": "DEF",
        "cty": "JWT",
        "typ": "at+jwt",
    }
    for name, value in extras.items():
        yield f"header with {name}", signed(secret, {**HEADER, name: value}, ours)
    for kid in ("../../../../dev/null", "' OR 1=1 --", "", 0, None, ["first"]):
        yield f"kid {kid!r}", signed(secret, {**HEADER, "kid": kid}, ours)
    yield "no alg", signed(secret, {"typ": "JWT"}, ours)
    yield "no typ", signed(secret, {"alg": "HS256"}, ours)
    yield "empty header", signed(secret, {}, ours)
    yield "a list for a header", signed(secret, [HEADER], ours)
    yield "alg twice", signed(secret, b'{"alg":"none","alg":"HS256","typ":"JWT"}', ours)


def forged_bytes(secret: bytes, ours: Mapping[str, Any], token: str) -> Forgeries:
    """What is wrong with the text of the token."""
    header, payload, signature = token.split(".")
    text = json.dumps(ours)
    for claim in ("sub", "exp", "role", "sid"):
        twice = f"{text[:-1]}, {json.dumps(claim)}: {json.dumps(ours[claim])}}}"
        yield f"{claim} twice", signed(secret, HEADER, twice.encode())
    yield "deep", signed(secret, HEADER, b"[" * 1000)
    yield "no object", signed(secret, HEADER, [ours])
    yield "no JSON", signed(secret, HEADER, b"{")
    yield "no text", signed(secret, HEADER, b"\xff\xfe")
    yield "a number of 1000 digits", signed(secret, HEADER, f'{text[:-1]}, "n": {"9" * 1000}}}'.encode()[:1100])
    yield "another secret", signed(b"x" * 48, HEADER, ours)
    yield "no secret", signed(b"", HEADER, ours)
    yield "the secret's hash", signed(hashlib.sha256(secret).digest(), HEADER, ours)
    yield "no signature", f"{header}.{payload}."
    yield "two parts", f"{header}.{payload}"
    yield "four parts", f"{token}.{signature}"
    yield "a short signature", token[:-1]
    yield "a long signature", f"{token}A"
    yield "padding", f"{token}="
    yield "the parts exchanged", f"{payload}.{header}.{signature}"
    yield "nothing", ""
    yield "too long", signed(secret, HEADER, {**ours, "x": "x" * 3000})
    for place in range(len(signature) - 1):
        other = "A" if signature[place] != "A" else "B"
        yield f"signature changed at {place}", f"{header}.{payload}.{signature[:place]}{other}{signature[place + 1 :]}"
    for place in range(0, len(payload), 10):
        other = "A" if payload[place] != "A" else "B"
        yield f"payload changed at {place}", f"{header}.{payload[:place]}{other}{payload[place + 1 :]}.{signature}"


def test_no_forged_token_is_accepted(client: FlaskClient, settings: Settings, admin: Caller) -> None:
    secret, ours = settings.jwt_secret.reveal(), claims_of(admin.token)
    forgeries = dict(
        [
            *forged_claims(secret, ours),
            *forged_headers(secret, ours),
            *forged_bytes(secret, ours, admin.token),
        ]
    )

    answers = {
        name: client.get(f"{BASE}/auth/me", headers={"Authorization": f"Bearer {token}"})
        for name, token in forgeries.items()
    }

    assert len(forgeries) >= 300
    assert {name: answer.status_code for name, answer in answers.items() if answer.status_code != 401} == {}
    assert {answer.get_json()["message"] for answer in answers.values()} == {"Missing or invalid authentication token"}
    assert {answer.headers["WWW-Authenticate"] for answer in answers.values()} == {"Bearer"}
    proven(
        "P13",
        "a table of forged tokens, most of them signed with our own secret",
        f"{len(answers)} of {len(answers)} refused",
    )


def test_a_token_signed_by_hand_as_we_do_is_accepted(client: FlaskClient, settings: Settings, admin: Caller) -> None:
    token = signed(settings.jwt_secret.reveal(), HEADER, claims_of(admin.token))

    assert client.get(f"{BASE}/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_token_holds_what_the_contract_says_and_no_more(admin: Caller) -> None:
    claims = claims_of(admin.token)

    assert set(claims) == {*CLAIMS, "fresh"}
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert claims["sub"] == str(admin.user.id)
    assert claims["org"] == str(admin.user.organisation_id)
    assert claims["role"] == "ORG_ADMIN"


def test_the_signing_secret_is_not_in_the_apps_configuration(app: flask.Flask, settings: Settings) -> None:
    assert settings.jwt_secret.reveal() not in repr(dict(app.config)).encode()


def test_a_refused_token_leaves_no_trace_of_itself(app: flask.Flask, admin: Caller) -> None:
    with app.app_context(), pytest.raises(Unauthenticated) as refusal:
        tokens.read(f"{admin.token[:-1]}_", "access")

    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_the_librarys_own_decorators_let_nobody_in(own_app: flask.Flask) -> None:
    client = own_app.test_client()
    own_app.add_url_rule("/guarded", view_func=jwt_required()(lambda: "in"))
    user = accounts.add_administrator("ada@example.com", Secret.of_text(PASSWORD), "Acme", "PAID")
    token = sign_in(client, user).token

    for header in (f"Bearer {token}", f"Bearer {token}x", "Bearer", ""):
        answer: Any = client.get("/guarded", headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.json["error"] == "UNAUTHORIZED"
