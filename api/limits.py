"""How often somebody may ask: by address, by user or key, and by login name.

Counted in Redis. While that is away each process counts for itself, so that limits are looser, never gone.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import flask
from flask_limiter import ApplicationLimit, Limiter, RequestLimit
from limits import parse
from redis.backoff import NoBackoff
from redis.retry import Retry

from api.access import client_address, current_actor
from api.errors import EntryGuardError, RateLimited
from api.settings import Settings, SettingsError

# `register` and `login` are by address, `login-name` by the account that is named, the others by user or key.
DEFAULTS: Mapping[str, str] = {
    "address": "1200/minute",
    "caller": "1200/minute",
    "write": "600/minute",
    "login": "30/minute",
    "login-name": "10/minute",
    "register": "5/hour",
}
_STRATEGY = "fixed-window"
_REDIS_SECONDS = 0.1
_PUBLIC_PATHS = ("/healthz", "/readyz", "/metrics")


def table(text: str) -> dict[str, str]:
    """The limits by name, `name=amount/period;…` laid over the defaults. Raises SettingsError."""
    limits = dict(DEFAULTS)
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, limit = part.partition("=")
        if name not in DEFAULTS:
            raise SettingsError(f"ENTRYGUARD_RATE_LIMITS has no limit named {name}; there are {', '.join(DEFAULTS)}.")
        try:
            parse(limit)
        except ValueError:
            raise SettingsError(f"ENTRYGUARD_RATE_LIMITS: {name} must look like {DEFAULTS[name]}.") from None
        limits[name] = limit
    return limits


def attach(app: flask.Flask, settings: Settings) -> None:
    """Limit every request of `app`, and tell the caller in `RateLimit-*` headers how much is left."""
    if settings.rate_limits == "off":
        return
    limits = table(settings.rate_limits)
    limiter = Limiter(
        _address,
        app=app,
        application_limits=[_limit(name, limits[name], *rule) for name, rule in _RULES.items()],
        strategy=_STRATEGY,
        # Changing the strategy over the same keys is an error in Redis, so the keys name it.
        key_prefix=f"entryguard:{_STRATEGY}",
        storage_uri=settings.redis_url.replace("unix://", "redis+unix://", 1),
        storage_options={  # type: ignore[arg-type] # handed on to redis-py, which takes more than text and numbers
            "socket_timeout": _REDIS_SECONDS,
            "socket_connect_timeout": _REDIS_SECONDS,
            "retry": Retry(NoBackoff(), 0),
        },
        in_memory_fallback_enabled=True,
        fail_on_first_breach=True,
        on_breach=_refuse,
    )
    app.after_request(lambda response: _tell(limiter, response))


def _limit(name: str, amount: str, key: Callable[[], str], applies: Callable[[], bool]) -> ApplicationLimit:
    return ApplicationLimit(amount, scope=name, key_function=key, exempt_when=lambda: not applies())


def _address() -> str:
    return client_address() or "unknown"


def _caller() -> str:
    """The user or key that asks; the address of those who are nobody."""
    try:
        return current_actor().caller
    except EntryGuardError:
        return _address()


def _login_name() -> str:
    """The account that a sign-in names, hashed: Redis need not know who has one."""
    body: Any = flask.request.get_json(silent=True, cache=True)
    named = body if isinstance(body, dict) else {}
    text = f"{named.get('organizationSlug')}\n{str(named.get('email')).lower()}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _everywhere() -> bool:
    return flask.request.path not in _PUBLIC_PATHS


def _write() -> bool:
    return flask.request.method not in ("GET", "HEAD", "OPTIONS")


def _sign_in() -> bool:
    return flask.request.path.endswith(("/auth/login", "/auth/refresh"))


def _login() -> bool:
    return flask.request.path.endswith("/auth/login")


def _register() -> bool:
    return flask.request.path.endswith("/auth/register")


_RULES: Mapping[str, tuple[Callable[[], str], Callable[[], bool]]] = {
    "address": (_address, _everywhere),
    "caller": (_caller, _everywhere),
    "write": (_caller, _write),
    "login": (_address, _sign_in),
    "login-name": (_login_name, _login),
    "register": (_address, _register),
}


def _refuse(breached: RequestLimit) -> NoReturn:
    raise RateLimited(retry_after=max(1, breached.reset_at - int(time.time())))


def _tell(limiter: Limiter, response: flask.Response) -> flask.Response:
    if current := limiter.current_limit:
        response.headers["RateLimit-Limit"] = str(current.limit.amount)
        response.headers["RateLimit-Remaining"] = str(max(0, current.remaining))
        response.headers["RateLimit-Reset"] = str(max(0, current.reset_at - int(time.time())))
    return response
