"""The documentation of an operation beyond what its schemas say: who may ask, headers, examples, every error."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marshmallow import Schema, fields

from api.errors import (
    Conflict,
    EntryGuardError,
    InternalError,
    InvalidInput,
    NotAllowed,
    PayloadTooLarge,
    RateLimited,
    RequestTimeout,
    StaleObject,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from api.http_errors import STATUS
from api.schemas import Body, Moment

_EXAMPLE_TIME = "2026-02-18T12:30:00Z"
_EXAMPLE_REQUEST = "0b6d2f7c-6a0e-4b1d-9a63-3f1f2a1f7c55"
_ANYBODY = "any"
_JSON = "application/json"
_LIMITED = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-Request-ID")


def _header(description: str, example: str | int) -> dict[str, Any]:
    kind = "integer" if isinstance(example, int) else "string"
    return {"description": description, "schema": {"type": kind}, "example": example}


ANSWER_HEADERS: Mapping[str, dict[str, Any]] = {
    "Content-Disposition": _header("Where the answer is a file: its name", 'attachment; filename="audit-logs.csv"'),
    "ETag": _header("The object's revision; send it as If-Match with a change", '"1"'),
    "Link": _header("The next page, where there is one", '</api/v1/credentials?limit=50&cursor=MTc3…>; rel="next"'),
    "RateLimit-Limit": _header("How many requests are allowed by the limit that is nearest", 1200),
    "RateLimit-Remaining": _header("How many of them are left", 1199),
    "RateLimit-Reset": _header("In how many seconds it starts anew", 60),
    "Retry-After": _header("In how many seconds to try again", 30),
    "WWW-Authenticate": _header("How to identify oneself", "Bearer"),
    "X-Request-ID": _header("Names this request in the server's log", _EXAMPLE_REQUEST),
}
REQUEST_HEADERS: Mapping[str, dict[str, Any]] = {
    "Idempotency-Key": {
        "description": "Sent again with the same body within 24 hours, answers the object that the first request made",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    "If-Match": {
        "description": 'The ETag as you read it, such as `"1"`: 412 where somebody has changed the object since',
        "schema": {"type": "string"},
    },
}
"""Neither is required; so neither has an example, which Swagger UI would send along like any parameter's."""


class Error(Body):
    """Every error of this API looks like this."""

    error = fields.String(
        required=True,
        metadata={"description": "The error's code", "enum": list(STATUS), "example": "VALIDATION_ERROR"},
    )
    message = fields.String(
        required=True,
        metadata={"description": "What is wrong and what to do, for a person", "example": "name is required"},
    )
    timestamp = Moment(required=True, metadata={"description": "When (UTC)", "example": _EXAMPLE_TIME})
    request_id = fields.String(
        required=True, metadata={"description": "Names this request in the server's log", "example": _EXAMPLE_REQUEST}
    )
    details = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={
            "description": "On a VALIDATION_ERROR: the reasons for each field",
            "example": {"name": ["name is required"]},
        },
    )
    max_duration_minutes = fields.Integer(
        metadata={"description": "On a DURATION_EXCEEDED: the longest session that is allowed, in minutes"}
    )


def document(doc: dict[str, Any], info: Mapping[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
    """smorest's callback: complete the documentation of one operation from what its decorators left in `info`."""
    own = info.get("raises", tuple)()
    errors = [*own, *_errors_of_any(doc, method)]
    doc["security"] = []
    if (scope := info.get("requires")) is not None:
        errors += [Unauthenticated(), _forbidden(scope)]
        doc["security"] = [{"bearer": []}, {"apiKey": []}]
        doc["x-required-scope"] = scope
    parameters = doc.setdefault("parameters", [])
    if info.get("idempotent"):
        errors.append(Conflict("This Idempotency-Key was used for another body within 24 hours. Take a new one."))
        parameters.append("Idempotency-Key")
    if any(isinstance(error, StaleObject) for error in errors):
        parameters.append("If-Match")
    if "requestBody" in doc:
        _exemplify(doc["requestBody"]["content"][_JSON], is_request=True)
    # smorest's own errors, `default` among them, have another body than ours.
    answers = {status: answer for status, answer in doc.get("responses", {}).items() if str(status).startswith("2")}
    for answer in answers.values():
        _complete(answer, parameters)
    for status in sorted({STATUS[error.code] for error in errors}):
        told = [error for error in errors if STATUS[error.code] == status]
        names = {type(error).__name__ for error in told}
        # What many operations answer is told once, and here by its name.
        answers[status] = names.pop() if names <= set(COMMON_ANSWERS) and len(names) == 1 else _error_answer(told, own)
    doc["responses"] = answers
    return doc


def example_of(schema: Schema, *, is_request: bool = False) -> Any:
    """An object of that shape, made of its fields' examples: null where a field has none, left out of a request."""
    shape = schema.load_fields if is_request else schema.dump_fields
    example = {field.data_key or name: _example_of_field(field, is_request) for name, field in shape.items()}
    if is_request:
        example = {name: value for name, value in example.items() if value is not None}
    return [example] if schema.many else example


def _example_of_field(field: fields.Field[Any], is_request: bool) -> Any:
    if "example" not in field.metadata and isinstance(field, fields.Nested):
        return example_of(field.schema, is_request=is_request)
    if "example" not in field.metadata and isinstance(field, fields.List):
        inner = _example_of_field(field.inner, is_request)
        return None if inner is None else [inner]
    return field.metadata.get("example")


def _errors_of_any(doc: Mapping[str, Any], method: str) -> Iterable[EntryGuardError]:
    yield from (RateLimited(30), InternalError(), Unavailable())
    if "requestBody" in doc:
        yield UnsupportedMediaType()
        yield InvalidInput("name is required", {"name": ["name is required"]})
    else:
        yield InvalidInput("nonsense: Unknown field", {"nonsense": ["Unknown field"]})
    if method != "get":
        yield from (PayloadTooLarge(), RequestTimeout())


def _forbidden(scope: str) -> NotAllowed:
    return NotAllowed("API key may not be used from this address") if scope == _ANYBODY else NotAllowed()


def _complete(answer: dict[str, Any], parameters: Iterable[Any]) -> None:
    """Headers and an example for a success. What has a revision has an ETag; what takes a cursor may link to a page."""
    names = list(_LIMITED)
    media = answer.get("content", {}).get(_JSON, {})
    schema = media.get("schema")
    if isinstance(schema, Schema):
        _exemplify(media, is_request=False)
        if "revision" in schema.fields and not schema.many:
            names.append("ETag")
    if any(isinstance(parameter, Mapping) and _takes_cursor(parameter) for parameter in parameters):
        names.append("Link")
    answer["headers"] = {**{name: name for name in sorted(names)}, **answer.get("headers", {})}


def _takes_cursor(parameter: Mapping[str, Any]) -> bool:
    schema = parameter.get("schema")
    shape = schema() if isinstance(schema, type) else schema
    return isinstance(shape, Schema) and "cursor" in shape.fields


def _exemplify(media: dict[str, Any], *, is_request: bool) -> None:
    schema = media.get("schema")
    shape = schema() if isinstance(schema, type) else schema
    if isinstance(shape, Schema) and not {"example", "examples"} & set(media):
        media["example"] = example_of(shape, is_request=is_request)


def _error_answer(errors: Sequence[EntryGuardError], own: Sequence[EntryGuardError] = ()) -> dict[str, Any]:
    """An answer with an example for each code. own: the operation's own errors, of which each is told."""
    more = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}
    headers = [*_LIMITED, *more.get(STATUS[errors[0].code], ())]
    examples = {
        error.code: {
            "value": {
                "error": error.code,
                "message": error.message,
                "timestamp": _EXAMPLE_TIME,
                "requestId": _EXAMPLE_REQUEST,
                **error.extra,
            }
        }
        for error in reversed(errors)  # of several with one code the operation's own comes first, and stays
    }
    return {
        "description": " / ".join(_described(code, own) for code in sorted(examples)),
        "headers": {name: name for name in headers},
        "content": {_JSON: {"schema": Error, "examples": examples}},
    }


def _described(code: str, own: Iterable[EntryGuardError]) -> str:
    """The code, with the sentences of an operation that has more of them than one example can tell."""
    sentences = [f'"{error.message}"' for error in own if error.code == code]
    return f"{code}: {' or '.join(sentences)}" if len(sentences) > 1 else code


COMMON_ANSWERS: Mapping[str, dict[str, Any]] = {
    type(error).__name__: _error_answer([error])
    for error in (
        Unauthenticated(),
        RequestTimeout(),
        PayloadTooLarge(),
        UnsupportedMediaType(),
        RateLimited(30),
        InternalError(),
        Unavailable(),
    )
}
"""The errors that do not depend on the operation, as components of the document."""
