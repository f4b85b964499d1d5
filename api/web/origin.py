"""Refuses what another site has a browser send (cross-site request forgery).

As OWASP recommends it: by Fetch Metadata, which every current browser sends to HTTPS and to this machine, else by the
Origin. A browser that says neither is asked to. The cookie is SameSite beside that.
"""

import urllib.parse

import flask

from api.errors import NotAllowed

_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = frozenset({"same-origin", "none"})  # none: the person's own doing, which no site can have a browser say


class ForeignForm(NotAllowed):
    """A form that was not sent from one of our own pages."""

    def __init__(self) -> None:
        super().__init__("This was not sent from a page of EntryGuard, so nothing was done.")


def refuse_foreign() -> None:
    """Raises ForeignForm for a request that would change something and does not come from a page of ours."""
    if flask.request.method not in _CHANGES_NOTHING and not _is_ours():
        raise ForeignForm


def _is_ours() -> bool:
    if (site := flask.request.headers.get("Sec-Fetch-Site")) is not None:
        return site in _OURS
    origin = urllib.parse.urlsplit(flask.request.headers.get("Origin", ""))
    return origin.scheme in ("http", "https") and origin.netloc == flask.request.headers.get("Host")
