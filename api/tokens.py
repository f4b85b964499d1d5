"""Access and refresh tokens: JSON Web Tokens (RFC 7519), signed with HS256 and never with anything else.

A token proves which login it was made for. Whether that login, its user and its organisation still stand is in the
database, and so is the clock that a token's times are compared with: see `Claims.in_force`.
"""

import base64
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import flask
import peewee
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import PyJWTError

from api.accounts.models import User
from api.database import now
from api.errors import Unauthenticated
from api.http_errors import answer
from api.settings import Settings

Kind = Literal["access", "refresh"]

LIFETIME: Mapping[Kind, timedelta] = {"access": timedelta(minutes=15), "refresh": timedelta(days=7)}
AUDIENCE = "entryguard-api"

_ALGORITHM = "HS256"
_HEADER = {"alg": _ALGORITHM, "typ": "JWT"}
# Three parts of base64url, the last the 32 bytes of HMAC-SHA256. Ours have some 600 characters.
_SHAPE = re.compile(r"[A-Za-z0-9_-]{1,100}\.[A-Za-z0-9_-]{1,1500}\.[A-Za-z0-9_-]{43}")
_ROLES = ("ORG_ADMIN", "USER")
_MICROSECONDS = 1_000_000
# The library compares times with this machine's clock, which may differ from that of the machine that made the token.
# So it is not asked: `_checked` bounds a token's life, and `Claims.in_force` asks the database's clock.
_LIBRARY_LEEWAY = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token with our signature says. Times in seconds since the epoch."""

    user_id: uuid.UUID
    organisation_id: uuid.UUID
    login_id: uuid.UUID
    issued_at: int
    expires_at: int

    def in_force(self) -> peewee.Node:
        """Neither from the future nor expired, by the database's clock: a condition for the query about the login."""
        begun: peewee.Node = peewee.Value(self.issued_at * _MICROSECONDS) <= now()
        return begun & (peewee.Value(self.expires_at * _MICROSECONDS) > now())


def configure(app: flask.Flask, settings: Settings) -> None:
    """Make `app` sign and read tokens. The one place where flask-jwt-extended is set up."""
    app.config.update(
        JWT_ALGORITHM=_ALGORITHM,
        JWT_DECODE_ALGORITHMS=[_ALGORITHM],
        JWT_ENCODE_ISSUER=settings.public_url,
        JWT_DECODE_ISSUER=settings.public_url,
        JWT_ENCODE_AUDIENCE=AUDIENCE,
        JWT_DECODE_AUDIENCE=AUDIENCE,
        JWT_DECODE_LEEWAY=_LIBRARY_LEEWAY,
        JWT_ENCODE_NBF=False,
        JWT_TOKEN_LOCATION=["headers"],
        JWT_COOKIE_CSRF_PROTECT=False,  # else every token has a csrf claim, also where there is no cookie
        JWT_ACCESS_TOKEN_EXPIRES=LIFETIME["access"],
        JWT_REFRESH_TOKEN_EXPIRES=LIFETIME["refresh"],
    )
    manager = JWTManager(app)
    # Through functions, so that the secret is not in app.config, which is easily printed.
    manager.encode_key_loader(lambda _: settings.jwt_secret.reveal())
    manager.decode_key_loader(lambda *_: settings.jwt_secret.reveal())
    # The library's own decorators know nothing of logins that have ended, nor of the time: they let nobody in.
    manager.token_in_blocklist_loader(lambda *_: True)
    _answer_like_everybody(manager)


def issue(kind: Kind, user: User, login_id: uuid.UUID, moment: datetime) -> str:
    """A token for a login of `user`, made at `moment` (the database's time) and good for its kind's `LIFETIME`."""
    issued_at = int(moment.timestamp())
    claims = {
        "org": str(user.organisation_id),
        "sid": str(login_id),
        "role": user.role,
        "iat": issued_at,
        "exp": issued_at + int(LIFETIME[kind].total_seconds()),
    }
    make = create_access_token if kind == "access" else create_refresh_token
    token: str = make(str(user.id), additional_claims=claims)
    return token


def read(token: str, kind: Kind) -> Claims:
    """What `token` says, if we made it and it is of that kind. Raises Unauthenticated: one sentence for every reason.

    The token may have expired: whoever uses the claims puts `in_force` into the query that looks the login up.
    """
    if not _SHAPE.fullmatch(token):
        raise Unauthenticated
    try:
        payload = _payload(token)
        decode_token(token)  # the signature, the issuer and the audience
        # Not what it answers: it gives a token that has no type the type "access".
        return _checked(payload, kind)
    except (PyJWTError, JWTExtendedException, ValueError):
        # Which of them it was helps nobody but a forger, and their texts hold parts of the token.
        raise Unauthenticated from None


def _payload(token: str) -> dict[str, Any]:
    """What stands in a token with our header and no other, so no `kid`, `jku` or `crit` has a say. Not verified."""
    header, payload = (_json(part) for part in token.split(".")[:2])
    if header != _HEADER or not isinstance(payload, dict):
        raise ValueError("not a token of ours")
    return payload


def _json(part: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice, and readers differ in which they take")
    return found


def _checked(payload: Mapping[str, Any], kind: Kind) -> Claims:
    """Every claim is there and of its type, and the token lives no longer than ours do. Raises ValueError."""
    issued_at, expires_at = payload.get("iat"), payload.get("exp")
    if type(issued_at) is not int or type(expires_at) is not int:  # bool is an int for isinstance
        raise ValueError("times are whole seconds")
    if not 0 < issued_at < expires_at <= issued_at + LIFETIME[kind].total_seconds():
        raise ValueError("lives longer than any of ours")
    if expires_at > datetime.max.replace(tzinfo=UTC).timestamp():
        raise ValueError("beyond any calendar")
    if payload.get("type") != kind or payload.get("role") not in _ROLES or "nbf" in payload:
        raise ValueError("of another kind")
    if not isinstance(payload.get("aud"), str) or not isinstance(payload.get("iss"), str):
        raise ValueError("for several audiences, or from several issuers")
    _identifier(payload, "jti")
    return Claims(
        _identifier(payload, "sub"), _identifier(payload, "org"), _identifier(payload, "sid"), issued_at, expires_at
    )


def _identifier(payload: Mapping[str, Any], claim: str) -> uuid.UUID:
    value = payload.get(claim)
    if not isinstance(value, str) or str(uuid.UUID(value)) != value:
        raise ValueError("not an id as we write it")
    return uuid.UUID(value)


def _answer_like_everybody(manager: JWTManager) -> None:
    """Give the library our 401, should a view ever be guarded by its decorators: theirs is 422, or has another body."""

    def refuse(*_: Any) -> flask.Response:
        return answer(Unauthenticated())

    for loader in (
        manager.expired_token_loader,
        manager.invalid_token_loader,
        manager.needs_fresh_token_loader,
        manager.revoked_token_loader,
        manager.token_verification_failed_loader,
        manager.unauthorized_loader,
        manager.user_lookup_error_loader,
    ):
        loader(refuse)
