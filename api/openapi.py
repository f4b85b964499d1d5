"""The OpenAPI document (3.1), made from the routes' own decorators."""

import copy
import functools
import importlib.metadata
import json
import threading
from typing import Any

import flask
from flask_smorest import Api, Blueprint
from marshmallow import fields

from api.clouds import CLOUDS
from api.clouds.derive import config_component, credential_component
from api.operations import ANSWER_HEADERS, COMMON_ANSWERS, REQUEST_HEADERS, Error
from api.schemas import Flag, Moment, Number, Switch, Text, Whole

BASE_PATH = "/api/v1"

_DESCRIPTION = """
EntryGuard lets a signed-in person's IP address through AWS security groups, GCP firewalls, Azure NSGs and APISIX routes
for as long as they work, and takes it out again.

**To try it here:** send `POST /auth/login`, copy `accessToken` from the answer, press *Authorize* and paste it under
`bearer` (it is good for 15 minutes). A pipeline uses an API key under `apiKey` instead.

Times are UTC. Every error has the same body: `error` (a code), `message`, `timestamp`, `requestId`.
Every object has an `ETag`; send it as `If-Match` with PATCH and DELETE to be told (412) when somebody was quicker.
A POST that makes something, outside `/auth`, takes an `Idempotency-Key`, and so does `/extend`: sent again with the
same key and body, it answers the object that the first one made or changed.
"""


_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "`accessToken` from the answer of POST /auth/login, good for 15 minutes.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "`plainTextKey` from the answer of POST /api-keys: `egk_…`",
    },
}


_FIELDS_LIKE = (
    (Text, fields.String),
    (Whole, fields.Integer),
    (Number, fields.Float),
    (Flag, fields.Boolean),
    (Switch, fields.Boolean),
)


class Document(Api):
    """Collects the rooms' documentation. The errors are answered by `http_errors`, not by smorest."""

    ERROR_SCHEMA = Error

    def __init__(self, app: flask.Flask) -> None:
        self._rooms: list[Blueprint] = []
        self._writing = threading.Lock()
        super().__init__(app)

    def register_blueprint(self, blp: Blueprint, *, parameters: None = None, **options: Any) -> None:
        """Serve a room. Its documentation is left for when it is asked for: that takes longer than all of the rest."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blp.name] = self
        self._app.register_blueprint(blp, **options)
        self._rooms.append(blp)

    @property
    def text(self) -> str:
        """The document as JSON, written once: it does not change while the server runs."""
        with self._writing:
            return self._text

    @functools.cached_property
    def _text(self) -> str:
        for field, like in _FIELDS_LIKE:
            self.register_field(field, like)
        self.register_field(Moment, "string", "date-time")
        _describe_parts(self.spec.components)
        for room in self._rooms:
            room.register_views_in_doc(self, self._app, self.spec, name=room.name, parameters=None)
            self.spec.tag({"name": room.name, "description": room.description})
        return json.dumps(self.spec.to_dict())

    def _register_error_handlers(self) -> None:
        """None: one place makes every error body."""

    def _openapi_json(self) -> flask.Response:
        return flask.Response(self.text, mimetype="application/json")

    def _register_pagination_header(self) -> None:
        """None: pages are named by `Link`."""


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
    for room, path in rooms:
        document.register_blueprint(room, url_prefix=f"{BASE_PATH}{path}")


def _describe_parts(components: Any) -> None:
    """What the operations refer to: how to identify oneself, headers, what each cloud wants to be told."""
    for name, scheme in _SECURITY_SCHEMES.items():
        components.security_scheme(name, scheme)
    for name, header in ANSWER_HEADERS.items():
        components.header(name, header)
    for name, answer in COMMON_ANSWERS.items():
        components.response(name, copy.deepcopy(answer))
    for name, parameter in REQUEST_HEADERS.items():
        components.parameter(name, "header", {"name": name, "required": False, **parameter})
    for cloud in CLOUDS.values():
        components.schema(*credential_component(cloud))
        for resource_type in cloud.resource_types:
            components.schema(*config_component(cloud, resource_type))


def written(app: flask.Flask) -> dict[str, Any]:
    """The document of `app` as JSON values."""
    document: Document = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    values: dict[str, Any] = json.loads(document.text)
    return values
