"""The OpenAPI document (3.1), made from the routes' own decorators."""

import importlib.metadata
from typing import Any

import flask
from flask_smorest import Api, Blueprint
from marshmallow import fields

from api.room import Error
from api.schemas import Flag, Moment, Switch, Text, Whole

BASE_PATH = "/api/v1"

_DESCRIPTION = """
EntryGuard lets a signed-in person's IP address through AWS security groups, GCP firewalls, Azure NSGs and APISIX routes
for as long as they work, and takes it out again.

**To try it here:** send `POST /auth/login`, copy `accessToken` from the answer, press *Authorize* and paste it under
`bearer` (it is good for 15 minutes). A pipeline uses an API key under `apiKey` instead.

Times are UTC. Every error has the same body: `error` (a code), `message`, `timestamp`, `requestId`.
Every object has an `ETag`; send it as `If-Match` with PATCH and DELETE to be told (412) when somebody was quicker.
A POST takes an `Idempotency-Key`: sent again with the same key and body, it answers the object that the first one made.
"""


class Document(Api):
    """Collects the rooms' documentation. The errors are answered by `http_errors`, not by smorest."""

    ERROR_SCHEMA = Error

    def _register_error_handlers(self) -> None:
        """None: one place makes every error body."""


def register(app: flask.Flask, rooms: tuple[tuple[Blueprint, str], ...]) -> None:
    """Serve the rooms under the base path and document them. `rooms` pairs each with its path."""
    app.config.update(
        API_TITLE="EntryGuard",
        API_VERSION=importlib.metadata.version("entryguard-server"),
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=BASE_PATH,
        API_SPEC_OPTIONS={
            "info": {"description": _DESCRIPTION, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
            "servers": [{"url": "/", "description": "this server"}],
        },
    )
    document = Document(app)
    for field, like in ((Text, fields.String), (Whole, fields.Integer), (Flag, fields.Boolean), (Switch, fields.Boolean)):
        document.register_field(field, like)
    document.register_field(Moment, "string", "date-time")
    document.spec.components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "From POST /auth/login."}
    )
    document.spec.components.security_scheme(
        "apiKey",
        {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "From POST /api-keys: `egk_…`"},
    )
    for room, path in rooms:
        document.register_blueprint(room, url_prefix=f"{BASE_PATH}{path}")


def written(app: flask.Flask) -> dict[str, Any]:
    """The document of `app` as JSON values."""
    document: dict[str, Any] = app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
    return document
