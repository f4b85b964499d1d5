"""The cookie that a person on the pages is known by. The API knows nobody by a cookie, and pages by nothing else.

It holds the id of a login and a random key; the login has the key's hash. Both are signed with the COOKIE_SECRET, so
what somebody made up is refused before the database is asked.
"""

import functools
import hmac
import re
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import timedelta

import flask
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from werkzeug.wrappers import Response

from api.secret import Secret
from api.settings import Settings

PAGES = "pages"
"""The blueprint of all pages."""

LIFETIME = timedelta(hours=12)
"""From signing in, whatever is done meanwhile: a page that asks for news by itself would else never end it."""

_PURPOSE = b"entryguard the pages' cookie"
_SHAPE = re.compile(r"(?P<id>[0-9a-f]{32})\.(?P<key>[A-Za-z0-9_-]{43})\.(?P<signature>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a cookie of ours says."""

    login_id: uuid.UUID
    key: str = field(repr=False)


def new_key() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def is_for_a_page() -> bool:
    """The request at hand is for a page, not for the API: also what a browser looks for where nothing is."""
    if flask.request.url_rule is not None:
        return PAGES in flask.request.blueprints
    asks_for_page = "text/html" in flask.request.accept_mimetypes.values()
    return asks_for_page and not flask.request.path.startswith("/api/")


def shown(settings: Settings) -> Shown | None:
    """What the request's cookie says; None without one, and for one that we did not make."""
    found = _SHAPE.fullmatch(flask.request.cookies.get(_name(settings), ""))
    if found is None:
        return None
    said = f"{found['id']}.{found['key']}"
    if not hmac.compare_digest(found["signature"], _signature(said, settings.cookie_secret)):
        return None
    return Shown(uuid.UUID(found["id"]), found["key"])


def give(response: Response, login: Shown, settings: Settings) -> None:
    """Have the browser show it with every request that a page of ours, or a link to one, makes it send."""
    said = f"{login.login_id.hex}.{login.key}"
    response.set_cookie(
        _name(settings),
        f"{said}.{_signature(said, settings.cookie_secret)}",
        max_age=LIFETIME,
        secure=_is_secure(settings),
        httponly=True,
        samesite="Lax",  # Strict would ask whoever follows a link from elsewhere to sign in again
    )


def take_back(response: Response, settings: Settings) -> None:
    """Have the browser forget it."""
    response.delete_cookie(_name(settings), secure=_is_secure(settings), httponly=True, samesite="Lax")


def _name(settings: Settings) -> str:
    # With this prefix a browser takes it from HTTPS alone, and from no other host of the domain.
    return "__Host-entryguard" if _is_secure(settings) else "entryguard"


def _is_secure(settings: Settings) -> bool:
    return settings.public_url.startswith("https:")


def _signature(said: str, cookie_secret: Secret) -> str:
    return hmac.digest(_signing_key(cookie_secret.reveal()), said.encode(), "sha256").hex()


@functools.lru_cache(maxsize=4)
def _signing_key(cookie_secret: bytes) -> bytes:
    """A key for nothing but this."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(cookie_secret)
