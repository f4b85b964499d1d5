"""How often somebody may ask: by address, by user or key, and by login name.

Counted in Redis. While that is away each process counts for itself, so that limits are looser, never gone.
"""

import hashlib
import ipaddress
import math
import time
import unicodedata
from collections.abc import Callable, Mapping
from typing import NoReturn

import flask
from flask_limiter import ApplicationLimit, Limiter, RequestLimit

from api import cookies, counters
from api.access import client_address, current_actor
from api.database import AWAY, database
from api.errors import EntryGuardError, RateLimited
from api.json_body import read
from api.limit_table import table
from api.openapi import BASE_PATH
from api.settings import Settings

_STRATEGY = "fixed-window"
_KEY_PREFIX = f"entryguard:{_STRATEGY}"  # changing the strategy over the same keys would be an error in Redis
_IPV6_PREFIX = 64  # what a provider gives to one customer
# Asked by machines that watch the server, every few seconds.
_UNLIMITED = frozenset({"health"})


def attach(app: flask.Flask, settings: Settings) -> None:
    """Limit every request of `app`, and tell the caller in `RateLimit-*` headers how much is left."""
    limits = table(settings.rate_limits)
    if not limits:
        return
    limiter = Limiter(
        _address,
        app=app,
        application_limits=[_limit(name, amount, *_RULES[name]) for name, amount in limits.items()],
        strategy=_STRATEGY,
        key_prefix=_KEY_PREFIX,
        storage_uri=f"{counters.SCHEME}:{settings.redis_url}",
        # What no route matches is limited too.
        request_identifier=lambda: flask.request.endpoint or "nowhere",
        fail_on_first_breach=True,
        on_breach=_refuse,
    )
    app.after_request(lambda response: _tell(limiter, response))


def _limit(name: str, amount: str, key: Callable[[], str], applies: Callable[[], bool]) -> ApplicationLimit:
    return ApplicationLimit(amount, scope=name, key_function=key, exempt_when=lambda: not applies())


def _address() -> str:
    """The caller's address, or network where a customer has one. Raises InvalidInput where it cannot be known."""
    address = ipaddress.ip_address(client_address())
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))


def _caller() -> str:
    """The user or key that asks; the address of those who are nobody."""
    if database.is_closed():  # it is away, or the request is for a document that anybody may read
        return _address()
    try:
        return current_actor().caller
    except (EntryGuardError, *AWAY):
        return _address()


def _login_name() -> str:
    """The account that a sign-in names, hashed: Redis need not know who has one. The address, where none is named."""
    try:
        body = flask.request.form if cookies.is_for_a_page() else read(flask.request)
    except EntryGuardError:
        return _address()
    email = body.get("email") if isinstance(body, Mapping) else None
    if not isinstance(email, str):
        return _address()
    # As the account is looked up, whatever the organisation is called: a blank more is no other account.
    name = unicodedata.normalize("NFC", email).strip().lower()
    return hashlib.sha256(name.encode()).hexdigest()


def _everywhere() -> bool:
    return flask.request.blueprint not in _UNLIMITED


def _write() -> bool:
    return flask.request.method not in ("GET", "HEAD", "OPTIONS")


def _is_for(*rules: str) -> Callable[[], bool]:
    """The request does something, and is for one of these routes, however its path is spelled."""
    return lambda: _write() and flask.request.url_rule is not None and flask.request.url_rule.rule in rules


_LOGIN, _REFRESH, _REGISTER = (f"{BASE_PATH}/auth/{deed}" for deed in ("login", "refresh", "register"))
_PAGE = "/sign-in"
_RULES: Mapping[str, tuple[Callable[[], str], Callable[[], bool]]] = {
    "address": (_address, _everywhere),
    "caller": (_caller, _everywhere),
    "write": (_caller, _write),
    "login": (_address, _is_for(_LOGIN, _REFRESH, _PAGE)),
    "login-name": (_login_name, _is_for(_LOGIN, _PAGE)),
    "register": (_address, _is_for(_REGISTER)),
}


def _refuse(breached: RequestLimit) -> NoReturn:
    raise RateLimited(retry_after=_seconds_left(breached))


def _tell(limiter: Limiter, response: flask.Response) -> flask.Response:
    """Name the limit that the caller is nearest to."""
    if limits := limiter.current_limits:
        nearest = min(limits, key=lambda limit: limit.remaining)
        response.headers["RateLimit-Limit"] = str(nearest.limit.amount)
        response.headers["RateLimit-Remaining"] = str(nearest.remaining)
        response.headers["RateLimit-Reset"] = str(_seconds_left(nearest))
    return response


def _seconds_left(limit: RequestLimit) -> int:
    return max(1, math.ceil(limit.window.reset_time - time.time()))
