"""Who asks, and what they may do.

A person shows an access token, or on a page the cookie of a login; a pipeline shows an API key. One query then tells
whether the login or the key, its user and its organisation still stand: what was revoked, ended, demoted or suspended a
moment ago has stopped.
"""

import functools
import hashlib
import ipaddress
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import flask
import peewee

from api import cookies, network, tokens
from api.accounts.models import ApiKey, Login, Organisation, User
from api.actor import Actor
from api.database import now, write
from api.errors import EntryGuardError, NotAllowed, Unauthenticated
from api.server import current_server

SCOPES = frozenset(
    {
        *(
            f"{room}:{deed}"
            for room in ("credentials", "resources", "sessions", "roles", "static-rules", "users", "organization")
            for deed in ("read", "write")
        ),
        "api-keys:write",
        "audit:read",
    }
)
ANYBODY = "any"
KEY_SHAPE = re.compile(r"egk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")

_FOR_EVERY_USER = "sessions:"
_USE_NOTED_EVERY_SECONDS = 60

View = TypeVar("View", bound=Callable[..., Any])


def current_actor() -> Actor:
    """Who asks. Raises Unauthenticated; NotAllowed where a key is used from an address that it is not for."""
    if "actor" not in flask.g:
        try:
            flask.g.actor = _identified()
        except EntryGuardError as refusal:
            flask.g.actor = refusal
    if isinstance(flask.g.actor, EntryGuardError):
        raise flask.g.actor
    actor: Actor = flask.g.actor
    return actor


def stranger() -> Actor:
    """Somebody who has yet to say who he is, for what is done before signing in."""
    return Actor(kind="USER", organisation_id=None, caller="stranger", **_origin())


def client_address() -> str:
    """Where the request comes from, behind the proxies that the settings count. Raises InvalidInput for nowhere."""
    headers = flask.request.headers.getlist("X-Forwarded-For")
    proxies = current_server().settings.trusted_proxies
    return str(network.client_address(flask.request.remote_addr, headers, proxies))


def requires(scope: str) -> Callable[[View], View]:
    """Let in whoever may do `scope`: an ORG_ADMIN, for `sessions:…` every user, and a key that has the scope.

    Above all other decorators of a view, so that a stranger is told 401 before anything about his request.
    """
    if scope not in SCOPES:
        raise ValueError(f"{scope} is no scope")
    return _guarded(scope, lambda actor: allow(actor, scope))


def authenticated(view: View) -> View:
    """Let in everybody whom we know, whatever their role or scopes."""
    return _guarded(ANYBODY, lambda _: None)(view)


def allow(actor: Actor, scope: str) -> None:
    """Raises NotAllowed unless `actor` may do `scope`. A user's own key may do no more than the user."""
    if actor.scopes is not None and scope not in actor.scopes:
        raise NotAllowed(f"API key lacks scope {scope}")
    is_person = actor.scopes is None or actor.user_id is not None
    if is_person and actor.role != "ORG_ADMIN" and not scope.startswith(_FOR_EVERY_USER):
        raise NotAllowed


def hash_of(token: str) -> bytes:
    """What is kept of a key or a refresh token. Both are long and random, so a plain hash gives nothing away."""
    return hashlib.sha256(token.encode()).digest()


def _guarded(scope: str, check: Callable[[Actor], None]) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            check(current_actor())
            return view(*args, **kwargs)

        # For the documentation, which is made from what the decorators say of themselves.
        guarded._apidoc = {**getattr(view, "_apidoc", {}), "requires": scope}  # type: ignore[attr-defined]
        guarded._requires = scope  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value] # called as the view is

    return decorate


def _identified() -> Actor:
    if cookies.is_for_a_page():
        return _visitor()
    bearer, key = flask.request.headers.get("Authorization"), flask.request.headers.get("X-API-Key")
    if bearer is not None and key is None:
        return _person(bearer)
    if key is not None and bearer is None:
        return _key_holder(key)
    raise Unauthenticated


def _person(header: str) -> Actor:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    claims = tokens.read(token, "access")
    found = standing_login(claims)
    return _signed_in(found)


def _visitor() -> Actor:
    """Whose page it is that asks."""
    shown = cookies.shown(current_server().settings)
    found = None
    if shown is not None:
        found = _standing(Login.id == shown.login_id, Login.refresh_hash == hash_of(shown.key))
    return _signed_in(found)


def _signed_in(found: Any | None) -> Actor:
    if found is None:
        raise Unauthenticated
    return Actor(
        kind="USER",
        organisation_id=found.organisation_id,
        caller=f"user:{found.user_id}",
        email=found.email,
        user_id=found.user_id,
        name=found.name,
        role=found.role,
        login_id=found.login_id,
        tier=found.tier,
        **_origin(),
    )


def standing_login(claims: tokens.Claims) -> Any | None:
    """Whose login goes with a token; None where it, its login, user or organisation has ended."""
    return _standing(
        claims.in_force(),
        Login.id == claims.login_id,
        User.id == claims.user_id,
        User.organisation_id == claims.organisation_id,
    )


def _standing(*which: peewee.Node) -> Any | None:
    return (
        Login.select(
            Login.id.alias("login_id"),
            User.id.alias("user_id"),
            User.organisation_id,
            User.email,
            User.name,
            User.role,
            Organisation.tier,
        )
        .join(User, on=(User.id == Login.user_id))
        .join(Organisation, on=(Organisation.id == User.organisation_id))
        .where(
            *which,
            Login.ended_at.is_null(),
            Login.expires_at > now(),
            User.is_active,
            Organisation.suspended_at.is_null(),
        )
        .namedtuples()
        .first()
    )


def _key_holder(key: str) -> Actor:
    found = _standing_key(hash_of(key)) if KEY_SHAPE.fullmatch(key) else None
    if found is None:
        raise Unauthenticated
    origin = _origin()
    if found.allowed_cidrs is not None and not _within(origin["ip_address"], found.allowed_cidrs):
        raise NotAllowed("API key may not be used from this address")
    if found.use_is_old:
        _note_use(found.id)
    return Actor(
        kind="API_KEY",
        organisation_id=found.organisation_id,
        caller=f"key:{found.id}",
        email=found.email or found.key_name,
        user_id=found.user_id,
        name=found.key_name,
        role=found.role,
        scopes=frozenset(found.scopes),
        key_id=found.id,
        tier=found.tier,
        **origin,
    )


def _standing_key(key_hash: bytes) -> Any | None:
    return (
        ApiKey.select(
            ApiKey.id,
            ApiKey.organisation_id,
            ApiKey.user_id,
            ApiKey.name.alias("key_name"),
            ApiKey.scopes,
            ApiKey.allowed_cidrs,
            _use_is_old().alias("use_is_old"),
            User.email,
            User.role,
            Organisation.tier,
        )
        .join(Organisation, on=(Organisation.id == ApiKey.organisation_id))
        .join(User, peewee.JOIN.LEFT_OUTER, on=(User.id == ApiKey.user_id))
        .where(
            ApiKey.key_hash == key_hash,
            ApiKey.revoked_at.is_null(),
            ApiKey.expires_at.is_null() | (ApiKey.expires_at > now()),
            ApiKey.user_id.is_null() | User.is_active,
            Organisation.suspended_at.is_null(),
        )
        .namedtuples()
        .first()
    )


def _use_is_old() -> Any:
    return ApiKey.last_used_at.is_null() | (ApiKey.last_used_at < now(-_USE_NOTED_EVERY_SECONDS))


def _note_use(key_id: uuid.UUID) -> None:
    with write():
        ApiKey.update(last_used_at=now()).where(ApiKey.id == key_id).execute()


def _within(address: str, networks: Iterable[str]) -> bool:
    place = ipaddress.ip_address(address)
    return any(place in ipaddress.ip_network(network) for network in networks)


def _origin() -> dict[str, Any]:
    return {"ip_address": client_address(), "request_id": flask.g.get("request_id")}
