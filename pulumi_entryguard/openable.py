"""What the caller may open: by name, and how long."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pulumi_entryguard.client import Client
from pulumi_entryguard.errors import UnusableInput
from pulumi_entryguard.reading import asked, is_id, only

Openable = Mapping[str, Any]

_SHOWN_NAMES = 3


def openable(client: Client) -> list[Openable]:
    """The resources that the caller may open, by name; those too that can't be opened just now."""
    return asked(client, "/sessions/resources", list)


def ids_of(client: Client, resources: Sequence[str]) -> list[str]:
    """The ids of resources that are given by id or by name. Raises UnusableInput where a name is not that of one."""
    if all(map(is_id, resources)):
        return list(resources)
    known: dict[str, list[str]] = {}
    for one in openable(client):
        known.setdefault(one["name"], []).append(one["id"])
    return [text if is_id(text) else _id_of(text, known) for text in resources]


def _id_of(name: str, known: Mapping[str, Sequence[str]]) -> str:
    if name not in known:
        raise UnusableInput(f'no resource that you may open is named "{name}": {_advice(name, known)}')
    return only(sorted(known[name]), name, "resource")


def _advice(name: str, known: Mapping[str, object]) -> str:
    spelled = {one.casefold(): one for one in known}
    near = get_close_matches(name.casefold(), spelled, _SHOWN_NAMES)
    if not near:
        return "`entryguard resources` lists what is"
    quoted = " or ".join(f'"{spelled[one]}"' for one in near)
    return f"did you mean {quoted}?"
