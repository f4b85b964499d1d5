"""Where the parts of the API are joined."""

import uuid

import flask

from api import database, health, http_errors, limits, openapi, tokens
from api.accounts.routes import ROOMS as ACCOUNTS
from api.audit_log.routes import ROOMS as AUDIT_LOG
from api.credentials.routes import ROOMS as CREDENTIALS
from api.errors import PayloadTooLarge
from api.intake import REFUSAL
from api.json_body import MAXIMUM_BYTES
from api.resources.routes import ROOMS as RESOURCES
from api.roles.routes import ROOMS as ROLES
from api.server import Server
from api.sessions.routes import ROOMS as SESSIONS
from api.settings import Settings
from api.static_rules.routes import ROOMS as STATIC_RULES
from api.vault import Vault
from api.wait import WaitingRoom
from api.web import pages, swagger_ui

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_NEEDS_NO_DATABASE = frozenset({"health", "swagger_ui", "api-docs", "assets"})


def create_app(settings: Settings, vault: Vault, threads: int) -> flask.Flask:
    """The API as a WSGI application. The process is bound to its database already (`start`).

    `threads` is how many requests the server handles at once: at most half of them may wait for a verdict.
    """
    app = flask.Flask("entryguard", static_folder=None, template_folder=None)
    # One byte more: of a body without a length Flask reads so much and says nothing of the rest.
    app.config.update(MAX_CONTENT_LENGTH=MAXIMUM_BYTES + 1)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # what it would redirect to is made of the Host header, and its body is HTML
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
    Server(settings, vault, WaitingRoom(threads // 2)).attach(app)
    app.before_request(_begin)
    limits.attach(app, settings)  # after what it counts with, before what it protects
    app.before_request(_check)
    app.teardown_request(_end)
    app.after_request(_finish)
    http_errors.register(app)
    tokens.configure(app, settings)
    openapi.register(app, (*ACCOUNTS, *CREDENTIALS, *RESOURCES, *ROLES, *SESSIONS, *STATIC_RULES, *AUDIT_LOG))
    app.register_blueprint(swagger_ui.blueprint)
    pages.register(app)
    app.register_blueprint(health.blueprint)
    return app


def _begin() -> None:
    flask.g.request_id = str(uuid.uuid4())
    if flask.request.blueprint in _NEEDS_NO_DATABASE:
        return
    # A sender may let a body trickle in for as long as he likes. Who he is, is asked when it is there: asked before, he
    # could be revoked meanwhile and act all the same.
    if (flask.request.content_length or 0) <= MAXIMUM_BYTES:
        flask.request.get_data()
    try:
        flask.g.opened = database.database.connect(reuse_if_open=True)
    except database.AWAY as failure:
        flask.g.database_failure = failure  # told after the limits have counted the request


def _check() -> None:
    """Refuse what no view needs to see."""
    if refusal := flask.request.environ.get(REFUSAL):
        raise refusal
    if (flask.request.content_length or 0) > MAXIMUM_BYTES:
        raise PayloadTooLarge
    if failure := flask.g.get("database_failure"):
        raise failure


def _end(_: BaseException | None) -> None:
    if flask.g.pop("opened", False):
        database.database.close()


def _finish(response: flask.Response) -> flask.Response:
    response.headers["X-Request-ID"] = flask.g.get("request_id", "")
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
