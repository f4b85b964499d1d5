"""A form, read by the same schema as the API's body and shown again with what was typed and what is wrong with it."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import flask
import marshmallow

from api import idempotency
from api.actor import Actor
from api.errors import Conflict, Details, EntryGuardError, InvalidInput, StaleObject, refuse
from api.http_errors import STATUS
from api.json_body import checked, refusal
from api.web.words import sentence

KEY_FIELD = "formKey"
"""The hidden field that makes a form sent twice do its thing once."""

NOTHING: Details = MappingProxyType({})

_MENDED_BY_THE_READER = frozenset({400, 401, 409, 412, 429})


def new_key() -> str:
    """A key for a form that is to be filled in."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Form:
    """What a template fills its fields with: values and errors by the field's name.

    A field is named as the API's errors name it: `credentialData.accessKeyId`. told: what is wrong with all of it.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    told: str | None = None
    key: str = field(default_factory=new_key)
    status: int = 200


def asked(actor: Actor) -> idempotency.Asked | None:
    """The form at hand, for `idempotency.once`."""
    return idempotency.asked(actor, flask.request.form.get(KEY_FIELD))


def typed(*, without: Collection[str] = ()) -> dict[str, str]:
    """What was typed, by the field's name."""
    sent = flask.request.form.items()
    return {name: text for name, text in sent if name != KEY_FIELD and name not in without}


def again(error: EntryGuardError, *, without: Collection[str] = ()) -> Form:
    """The form with what is wrong with it, and with what was typed `without` the secrets.

    Raises the error where whoever typed it can mend nothing.
    """
    status = STATUS[error.code]
    if status not in _MENDED_BY_THE_READER:
        raise error
    details = error.details if isinstance(error, InvalidInput) else {}
    # What was refused because it was sent before, or is of another time, would be refused under the same key for ever.
    key = None if isinstance(error, Conflict | StaleObject) else flask.request.form.get(KEY_FIELD)
    return Form(typed(without=without), details, None if details else error.message, key or new_key(), status)


def in_a_line(error: EntryGuardError) -> str:
    """What is wrong, where there is no field to say it beside."""
    details = error.details if isinstance(error, InvalidInput) else {}
    return " ".join(sentence(told) for sentences in details.values() for told in sentences) or sentence(error.message)


def body(values: Mapping[str, str]) -> dict[str, Any]:
    """What was typed as a JSON body: `a.b` is `b` in `a`. What is empty is left out, and lines end as in files."""
    nested: dict[str, Any] = {}
    for name, text in values.items():
        *path, last = name.split(".")
        place = nested
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise InvalidInput(f"{name} is no field of this form.")
        if text:
            place[last] = text.replace("\r\n", "\n")
    return nested


def loaded(schema: type[marshmallow.Schema], values: Mapping[str, Any], *, beside: Details = NOTHING) -> Any:
    """What the API would make of a body. Raises InvalidInput in its words.

    beside: what a service would say of it afterwards. A person is told all at once.
    """
    try:
        wanted = schema().load(checked(values))
    except marshmallow.ValidationError as error:
        found = refusal(error.messages)
        raise InvalidInput(found.message, {**found.details, **beside}) from None
    refuse(beside)
    return wanted
