"""Signing in and out, and the client for whoever is signed in."""

import contextlib
import time
from typing import Any

from pulumi_entryguard import kept_login
from pulumi_entryguard.client import Client
from pulumi_entryguard.configuration import Configuration, read_configuration
from pulumi_entryguard.endpoint import bearer, parse_endpoint
from pulumi_entryguard.errors import EntryGuardError, NotAuthorized, NotConfigured, Unreachable
from pulumi_entryguard.kept_login import Login
from pulumi_entryguard.reading import body_of

SPARE_SECONDS = 60  # an access token that lasts no longer is exchanged: a request may have to wait
EXCHANGE_SECONDS = 15.0  # other commands, and Ctrl-C, wait for an exchange

_ENDPOINT_MISSING = (
    "EntryGuard's address is not known: sign in with `entryguard login`, or set ENTRYGUARD_ENDPOINT, such as "
    "https://entryguard.example.com"
)
_ACCESS_MISSING = (
    "nobody is signed in: use `entryguard login`, or set ENTRYGUARD_API_KEY, or ENTRYGUARD_TOKEN to an access token"
)
_NOT_ENDED = (
    "you are signed out here; at the server the login ends by itself within 7 days, "
    "or when an administrator deactivates the user"
)
_ENDED = "the login has ended: sign in again with `entryguard login`"


def client() -> Client:
    """The client for whom the environment names, else for who is signed in. Raises NotConfigured with what to do.

    Ask for it anew before each request: an access token lasts 15 minutes, a session may last a day.
    """
    configured = read_configuration({})
    if configured.access is not None and configured.endpoint is None:
        raise NotConfigured(_ENDPOINT_MISSING)
    if configured.access is not None:
        return configured.client()
    login = _standing(configured.endpoint)
    return Configuration(login.endpoint, bearer(login.access_token)).client()


def sign_in(endpoint: str, email: str, password: str, organisation: str | None) -> Login:
    """Open a login and keep it; the one that was kept before ends."""
    shown = {"email": email, "password": password}
    if organisation is not None:
        shown["organizationSlug"] = organisation
    with kept_login.alone():
        before = _kept()
        login = _exchanged(endpoint, "/auth/login", shown)
        kept_login.write(login)
    if before is not None:
        with contextlib.suppress(EntryGuardError):  # it ends by itself, some days later
            _end(before)
    return login


def sign_out() -> Login | None:
    """Forget the login, and end it at the server; None where nobody is signed in. Raises EntryGuardError."""
    with kept_login.alone():
        login = kept_login.read()
        kept_login.forget()
    try:
        if login is not None:
            _end(login)
    except EntryGuardError as error:
        raise EntryGuardError(f"{error}; {_NOT_ENDED}") from None
    return login


def endpoint_of_login() -> str | None:
    """Where one is, or was last, signed in."""
    login = _kept()
    return login.endpoint if login else None


def _kept() -> Login | None:
    with contextlib.suppress(NotConfigured):
        return kept_login.read()
    return None


def _standing(endpoint: str | None) -> Login:
    login = kept_login.read()
    if login is None:
        raise NotConfigured(_ENDPOINT_MISSING if endpoint is None else _ACCESS_MISSING)
    # A token is for nobody but the server that gave it.
    if endpoint is not None and parse_endpoint(endpoint) != parse_endpoint(login.endpoint):
        raise NotConfigured(
            f"you are signed in to {login.endpoint}, and ENTRYGUARD_ENDPOINT says {endpoint}: "
            "unset it, or sign in there with `entryguard login`"
        )
    return login if _is_good(login) else _renewed()


def _is_good(login: Login) -> bool:
    return login.good_until - time.time() > SPARE_SECONDS


def _renewed() -> Login:
    with kept_login.alone():
        # Read again: another command may have exchanged it meanwhile, and a refresh token that is shown a second time
        # ends the login.
        login = kept_login.read()
        if login is None:
            raise NotConfigured(_ENDED)
        if _is_good(login):
            return login
        renewed = _refreshed(login)
        kept_login.write(renewed)
    return renewed


def _refreshed(login: Login) -> Login:
    try:
        return _exchanged(login.endpoint, "/auth/refresh", {"refreshToken": login.refresh_token})
    except NotAuthorized:
        raise NotConfigured(_ENDED) from None


def _exchanged(endpoint: str, path: str, shown: dict[str, str]) -> Login:
    asked_at = time.time()
    stranger = Client(parse_endpoint(endpoint), None, patience=EXCHANGE_SECONDS)
    answer: dict[str, Any] = body_of(stranger, stranger.request("POST", path, shown), dict)
    try:
        return Login(
            endpoint,
            str(answer["user"]["email"]),
            str(answer["accessToken"]),
            str(answer["refreshToken"]),
            asked_at + float(answer["expiresIn"]),
        )
    except (KeyError, TypeError, ValueError):
        raise Unreachable(
            f"{stranger.endpoint} did not answer like an EntryGuard API; is the endpoint right?"
        ) from None


def _end(login: Login) -> None:
    try:
        standing = login if _is_good(login) else _refreshed(login)
        Configuration(login.endpoint, bearer(standing.access_token)).client().request("POST", "/auth/logout")
    except (NotAuthorized, NotConfigured):
        return  # it has ended already
