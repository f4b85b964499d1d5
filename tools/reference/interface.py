"""The API's part of the reference: endpoints, scopes, errors and audit events, from the code and its OpenAPI."""

import ast
import base64
import inspect
import re
import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import flask

from api import errors
from api.access import ANYBODY, SCOPES
from api.app import create_app
from api.audit_log.schemas import ShownEvent
from api.http_errors import STATUS
from api.key_ring import KeyRing
from api.openapi import BASE_PATH, written
from api.secret import Secret
from api.settings import Settings
from api.vault import Vault
from tools.reference.markdown import code, codes, table

_EVENT = re.compile(r"[A-Z]+(_[A-Z]+)+")
_CODE = Path(errors.__file__).parent
_ENDPOINTS = f"""\
Below `{BASE_PATH}`. `{BASE_PATH}/openapi.json` (OpenAPI 3.1) has every body, example and error; `{BASE_PATH}/docs`
shows them and lets you try them. Outside it, for whoever runs the server: `/healthz`, `/readyz`, `/metrics`.

A POST that makes something, outside `/auth`, takes an `Idempotency-Key`: sent again with the same key and body within
24 hours it makes no second object. PATCH and DELETE take an object's `ETag` in `If-Match`.
"""
_SCOPES = """\
A person's role decides what they may do: an ORG_ADMIN everything. An API key may do what its scopes name, and no more
than the user that it belongs to. One of the organisation opens what its roles name, and sees the sessions that it
started.
"""
_ERRORS = """\
Every error has one body: `error` (the code), `message`, `timestamp`, `requestId`, and for a VALIDATION_ERROR `details`
with the reasons for each field. The header `X-Request-ID` repeats `requestId`, which names the request in the log too.
"""
_EVENTS = f"""\
`GET {BASE_PATH}/audit-logs` lists them, the last one first; `?format=jsonl` and `?format=csv` answer all that match
as a file. An event stands in the same transaction as what it tells of.
"""


def application() -> flask.Flask:
    """The API, bound to no database."""
    random = {f"ENTRYGUARD_{name}": secrets.token_hex(32) for name in ("JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET")}
    places = {"ENTRYGUARD_DATABASE_URL": "sqlite:///none", "ENTRYGUARD_REDIS_URL": "unix:///none"}
    ring = f"none:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    settings = Settings.from_environment({**random, **places, "ENTRYGUARD_KEY_RING": ring})
    return create_app(settings, Vault(KeyRing.parse(Secret.of_text(ring))), threads=2)


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return written(application())


def endpoints(api: Mapping[str, Any]) -> str:
    """All operations: method, path, who may, what the query can hold."""
    rows = [
        (
            code(f"{method.upper()} {path.removeprefix(BASE_PATH)}"),
            operation["summary"],
            _who(operation),
            codes(part["name"] for part in operation.get("parameters", []) if part.get("in") == "query"),
        )
        for path, method, operation in _operations(api)
    ]
    return f"## Endpoints\n\n{_ENDPOINTS}\n{table(('', 'what it does', 'who may', 'query'), rows)}"


def scopes(api: Mapping[str, Any]) -> str:
    """The scopes of API keys, and what each is asked for."""
    used: defaultdict[str, list[str]] = defaultdict(list)
    for path, method, operation in _operations(api):
        used[operation.get("x-required-scope", "")].append(f"{method.upper()} {path.removeprefix(BASE_PATH)}")
    rows = [(code(scope), codes(used[scope])) for scope in sorted(SCOPES)]
    return f"## Scopes\n\n{_SCOPES}\n{table(('scope', 'for'), rows)}"


def error_codes(api: Mapping[str, Any]) -> str:
    """The codes by status, each with its meaning and a sentence that the server says."""
    sentences = dict(_examples(api))
    rows = [
        (str(status), code(name), _meaning(name), sentences.get(name) or _own_sentence(name))
        for name, status in STATUS.items()
    ]
    return f"## Errors\n\n{_ERRORS}\n{table(('status', 'code', 'meaning', 'for example'), rows)}"


def audit_events() -> str:
    """The types of audit events that the code writes, by what they are about, and what an event holds."""
    names = sorted({name for file in _CODE.rglob("*.py") for name in _recorded(ast.parse(file.read_text("utf-8")))})
    rows = [
        (code(field.data_key or name), field.metadata["description"])
        for name, field in ShownEvent().dump_fields.items()
    ]
    return f"## Audit events\n\n{_EVENTS}\n{codes(names)}.\n\n{table(('field', ''), rows)}"


def _operations(api: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                yield path, method, operation


def _who(operation: Mapping[str, Any]) -> str:
    scope = operation.get("x-required-scope")
    return {None: "anybody", ANYBODY: "anybody who is known"}.get(scope, code(str(scope)))


def _examples(api: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    answers = [answer for _, _, operation in _operations(api) for answer in operation["responses"].values()]
    for answer in [*answers, *api["components"]["responses"].values()]:
        for content in answer.get("content", {}).values():
            for name, example in content.get("examples", {}).items():
                yield name, example["value"]["message"]


def _error(name: str) -> type[errors.EntryGuardError]:
    """The first class with this code: the ones behind it are its kinds."""
    kinds = (kind for kind in vars(errors).values() if inspect.isclass(kind) and kind is not errors.EntryGuardError)
    return next(kind for kind in kinds if issubclass(kind, errors.EntryGuardError) and kind.code == name)


def _meaning(name: str) -> str:
    """The first sentence of its docstring; what follows is for its callers."""
    return f"{(inspect.getdoc(_error(name)) or '').split('. ')[0].removesuffix('.')}."


def _own_sentence(name: str) -> str:
    """Of the errors that no operation names: they are about requests that reach none."""
    speaking = (kind for kind in (errors.PathNotFound, errors.MethodNotAllowed) if kind.code == name)
    return next((kind().message for kind in speaking), "")


def _recorded(module: ast.Module) -> Iterator[str]:
    """The second argument of each call that records; for a name, all in its module that looks like an event."""
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("audit.record", "audit.record_each"):
            if isinstance(call.args[1], ast.Constant):
                yield str(call.args[1].value)
            else:
                yield from _texts_like_events(module)


def _texts_like_events(module: ast.Module) -> Iterator[str]:
    texts = (node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return filter(_EVENT.fullmatch, texts)
