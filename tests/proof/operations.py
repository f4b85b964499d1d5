"""What the server's own OpenAPI document says of each operation, as far as tests are derived from it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from api.openapi import BASE_PATH

METHODS = ("get", "post", "put", "patch", "delete")
_JSON = "application/json"
_NAMES_AN_ID = re.compile(r"Ids?$")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document.

    path: below the base path. scope: None for what anybody may ask. path_ids, body_ids: what names another object, as
    it is spelled there. answers: the codes of the errors by status; none for a success.
    """

    name: str
    method: str
    path: str
    scope: str | None
    path_ids: tuple[str, ...]
    body_ids: tuple[str, ...]
    query: Mapping[str, Mapping[str, Any]]
    headers: frozenset[str]
    answers: Mapping[int, frozenset[str]]

    def documents(self, status: int, code: str | None) -> bool:
        """The document says that this can be answered."""
        return status in self.answers and (code is None or code in self.answers[status])

    def is_behind(self, method: str, path: str) -> bool:
        """A request with this method and path is for this operation."""
        pattern = re.sub(r"{\w+}", "[^/]+", BASE_PATH + self.path)
        return method == self.method and re.fullmatch(pattern, path) is not None

    def options(self) -> Iterator[str]:
        """A query for each value of each parameter that has few of them."""
        for name, schema in self.query.items():
            values = ("true", "false") if schema.get("type") == "boolean" else schema.get("enum", ())
            yield from (f"{name}={value}" for value in values)


def operations(document: Mapping[str, Any]) -> dict[str, Operation]:
    """The document's operations by method and path, such as `GET /credentials/{credential_id}`."""
    found = [
        _operation(document, path, method, methods[method])
        for path, methods in document["paths"].items()
        for method in METHODS
        if method in methods
    ]
    return {operation.name: operation for operation in found}


def _operation(document: Mapping[str, Any], path: str, method: str, told: Mapping[str, Any]) -> Operation:
    shared = document["paths"][path].get("parameters", [])
    parameters = [_resolved(document, part) for part in [*shared, *told.get("parameters", [])]]
    short = path.removeprefix(BASE_PATH)
    return Operation(
        name=f"{method.upper()} {short}",
        method=method.upper(),
        path=short,
        scope=told.get("x-required-scope"),
        path_ids=tuple(re.findall(r"{(\w+)}", path)),
        body_ids=tuple(name for name in _properties(document, told) if _NAMES_AN_ID.search(name)),
        query={part["name"]: part["schema"] for part in parameters if part["in"] == "query"},
        headers=frozenset(part["name"] for part in parameters if part["in"] == "header"),
        answers={int(status): _codes(_resolved(document, answer)) for status, answer in told["responses"].items()},
    )


def _properties(document: Mapping[str, Any], told: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = told.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("schema", {})
    properties: Mapping[str, Any] = _resolved(document, schema).get("properties", {})
    return properties


def _codes(answer: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(answer.get("content", {}).get(_JSON, {}).get("examples", {}))


def _resolved(document: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in part:
        return part
    found: Any = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)
