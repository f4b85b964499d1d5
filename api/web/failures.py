"""What can go wrong, as pages: the sentences are those of the API."""

from collections.abc import Mapping

import flask
from werkzeug.exceptions import HTTPException

from api import http_errors
from api.cookies import PAGES, is_for_a_page
from api.database import AWAY
from api.errors import EntryGuardError, NotAllowed, NotFound, PathNotFound, RateLimited, Unauthenticated, Unavailable
from api.web.origin import ForeignForm

_TITLES: Mapping[int, str] = {
    403: "That was not done",
    404: "There is nothing here",
    405: "That cannot be done here",
    409: "That does not fit what is there",
    412: "Somebody was quicker",
    413: "That is too large",
    429: "Too many requests",
    503: "EntryGuard is not available just now",
}
_NOTHING_HERE = "There is no such page, or it is not for you. What was here may have been deleted."


def register(app: flask.Flask, pages: flask.Blueprint) -> None:
    """Answer errors on pages with a page, and what a browser asks for where nothing is, too."""
    for kind in (EntryGuardError, HTTPException, *AWAY, Exception):
        pages.register_error_handler(kind, answer)
    for status in (404, 405):
        app.register_error_handler(status, _nowhere)


def answer(error: Exception) -> flask.typing.ResponseReturnValue:
    """The error as a page. Who is not signed in is asked to; what is not for somebody does not exist."""
    named = http_errors.named(error)
    if isinstance(named, Unauthenticated):
        return _to_sign_in()
    if isinstance(named, NotAllowed) and not isinstance(named, ForeignForm):
        named = PathNotFound()
    status = http_errors.STATUS[named.code]
    told = _NOTHING_HERE if isinstance(named, NotFound) else named.message
    page = flask.render_template("failure.html", title=_TITLES.get(status, "Something went wrong"), told=told)
    headers = {}
    if "HX-Request" in flask.request.headers and "HX-Boosted" not in flask.request.headers:
        headers["HX-Reswap"] = "none"  # it is no part of the page that asked for a part
    if isinstance(named, RateLimited | Unavailable):
        headers["Retry-After"] = str(named.retry_after)
    return page, status, headers


def _nowhere(error: HTTPException) -> flask.typing.ResponseReturnValue:
    """Who mistypes an address gets a page; a program gets what it gets everywhere."""
    return answer(error) if is_for_a_page() else http_errors.as_json(error)


def _to_sign_in() -> flask.typing.ResponseReturnValue:
    is_plain_visit = flask.request.method == "GET" and "HX-Request" not in flask.request.headers
    back = flask.request.full_path.rstrip("?") if is_plain_visit else None
    where = flask.url_for(f"{PAGES}.front.sign_in", next=back if back != "/" else None)
    if "HX-Request" in flask.request.headers:  # a redirect would put that page into a corner of this one
        return "", 401, {"HX-Redirect": where}
    return flask.redirect(where, 303)
