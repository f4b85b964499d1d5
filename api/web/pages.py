"""The pages, joined: who asks, what may not be asked, and what every page is sent with."""

import gzip
from typing import Any

import flask

from api.access import current_actor
from api.actor import Actor
from api.cookies import PAGES, is_for_a_page
from api.database import AWAY
from api.errors import EntryGuardError
from api.server import current_server
from api.web import assets, failures, forms, origin, words
from api.web.front import room as front
from api.web.menu import entries, menu_of

# Nothing in the page itself is run or styles it, nothing comes from elsewhere, and nobody puts it into a frame.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Not no-referrer, with which a browser would not say which origin a form is sent from.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_WORTH_IT_BYTES = 1000
_A_YEAR = 365 * 24 * 3600


def register(app: flask.Flask) -> None:
    """Serve the pages and their files."""
    pages = flask.Blueprint(PAGES, __name__, template_folder="templates")
    pages.register_blueprint(front)
    for entry in entries():
        pages.register_blueprint(entry.room)
    pages.before_request(origin.refuse_foreign)
    pages.app_context_processor(_shared)  # also for what is shown where no page is
    failures.register(app, pages)
    app.after_request(_finish)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(words.FILTERS)
    app.register_blueprint(pages)
    app.register_blueprint(assets.blueprint)


def _shared() -> dict[str, Any]:
    """What every template can name."""
    actor = _visitor() if is_for_a_page() else None
    return {
        "actor": actor,
        "asset": assets.url,
        "form_key": forms.new_key,
        "menu": menu_of(actor) if actor else [],
    }


def _visitor() -> Actor | None:
    try:
        return current_actor()
    except (EntryGuardError, *AWAY):  # what went wrong is what the page is to tell
        return None


def _finish(response: flask.Response) -> flask.Response:
    if not is_for_a_page():  # asked of every answer: the page of a mistyped address is in no room
        return response
    response.headers.update(_HEADERS)
    if current_server().settings.public_url.startswith("https:"):
        response.headers["Strict-Transport-Security"] = f"max-age={_A_YEAR}"
    return _compressed(response)


def _compressed(response: flask.Response) -> flask.Response:
    """A tenth of its length, where the browser reads that. No page holds a secret that its length could tell."""
    response.vary.add("Accept-Encoding")
    if flask.request.accept_encodings["gzip"] > 0 and (response.content_length or 0) > _WORTH_IT_BYTES:
        response.set_data(gzip.compress(response.get_data(), 1))
        response.headers["Content-Encoding"] = "gzip"
    return response
