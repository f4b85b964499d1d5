"""Values as Pulumi brings them: numbers are all floats, and in a preview a value may not be known yet."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN


def plain(value: Any) -> Any:
    """The same value with every 443.0 made 443 again, and one sign for what is unknown.

    Protobuf has no integers, and the API refuses a port 443.0. What is unknown is an object in some versions of Pulumi
    and a text in others; only the text can be sent back.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, Mapping):
        return {key: plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [plain(held) for held in value]
    return value


def typed(text: str) -> str:
    """What the API keeps of a text that a person typed: its composed form (NFC), without margins."""
    return unicodedata.normalize("NFC", text).strip()


def is_unknown(value: Any) -> bool:
    """Whether it, or anything in it (`plain` values), is not known before the update runs."""
    if isinstance(value, Mapping):
        return any(map(is_unknown, value.values()))
    if isinstance(value, list | tuple):
        return any(map(is_unknown, value))
    return bool(value == UNKNOWN)


def differ(old: Any, new: Any) -> bool:
    """Whether `new` is, or may turn out to be, something else than `old`. Nothing and an empty value are the same."""
    if is_unknown(new):
        return True
    return bool((old or None) != (new or None)) if _may_be_empty(old, new) else bool(old != new)


def _may_be_empty(*values: Any) -> bool:
    return all(value is None or isinstance(value, str | list | Mapping) for value in values)
