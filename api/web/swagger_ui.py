"""Swagger UI at /api/v1/docs, from files that the server itself serves."""

from pathlib import Path

import flask
import flask_swagger_ui

from api.openapi import BASE_PATH

_DISTRIBUTION = Path(flask_swagger_ui.__file__).parent / "dist"
# Swagger UI styles its parts inline and draws its icons from data: URLs; scripts come from files only.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = flask.Blueprint(
    "swagger_ui", __name__, url_prefix=f"{BASE_PATH}/docs", template_folder="templates", static_folder=None
)


@blueprint.get("", strict_slashes=False)
def page() -> flask.Response:
    """The page that reads /api/v1/openapi.json"""
    return flask.make_response(flask.render_template("api_docs.html"))


@blueprint.get("/start.js")
def start() -> flask.Response:
    """The few lines that start it: a file, since the policy allows no script in the page"""
    return flask.send_from_directory(Path(__file__).parent / "static", "swagger_ui.js")


@blueprint.get("/<path:name>")
def file(name: str) -> flask.Response:
    """A file of Swagger UI's own distribution"""
    return flask.send_from_directory(_DISTRIBUTION, name)


@blueprint.after_request
def with_policy(response: flask.Response) -> flask.Response:
    response.headers["Content-Security-Policy"] = _POLICY
    return response
