"""The shapes that all bodies share: camelCase names, no unknown key, no loose types."""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, post_load

# Controls, NUL among them, and the marks that reorder text on a screen: no name of anything needs one.
_BIDI_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def camel_case(name: str) -> str:
    """`credential_type` as the API spells it: `credentialType`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class Body(Schema):
    """A JSON object. A subclass that names a `target` dataclass loads into it; its defaults stand for keys left out."""

    target: ClassVar[type | None] = None

    class Meta:
        unknown = RAISE
        ordered = True

    error_messages: ClassVar[dict[str, str]] = {  # type: ignore[misc] # marshmallow declares it without ClassVar
        "unknown": "Unknown field",
        "type": "Must be a JSON object",
    }

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        if field_obj.data_key is None:
            field_obj.data_key = camel_case(field_name)

    @post_load
    def to_target(self, data: Mapping[str, Any], **_: Any) -> Any:
        return data if self.target is None else self.target(**data)


class Text(fields.String):
    """Text that a person typed, in Unicode's composed form (NFC), without control characters and without margins."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        sent = super()._deserialize(value, attr, data, **kwargs)
        self._validate(sent)  # the documented length is that of what is sent, not only of what is kept of it
        text = unicodedata.normalize("NFC", sent).strip()
        if any(unicodedata.category(mark) in ("Cc", "Cs") or mark in _BIDI_MARKS for mark in text):
            raise ValidationError("Must not contain control characters.")
        return text


class Whole(fields.Integer):
    """A JSON integer: neither `"443"`, nor `true`, nor `443.5`."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid")
        return value


class Number(fields.Float):
    """A JSON number: neither `"1.5"` nor `true`."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid")
        return float(value)


class Flag(fields.Boolean):
    """A JSON boolean: neither `"yes"` nor `1`."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Switch(fields.Boolean):
    """`true` or `false` in a query."""

    def __init__(self, **options: Any) -> None:
        super().__init__(truthy={"true"}, falsy={"false"}, **options)


class Moment(fields.Field[datetime]):
    """A time in UTC without a fraction: `2026-02-18T12:30:00Z` (RFC 3339)."""

    default_error_messages = {"invalid": "Must be a UTC time like 2026-02-18T12:30:00Z."}

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        try:
            return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except (TypeError, ValueError):
            raise self.make_error("invalid") from None
