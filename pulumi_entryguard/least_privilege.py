"""The least privilege that EntryGuard needs in a cloud, in the cloud's own policy language."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi_entryguard.client import Client, route
from pulumi_entryguard.errors import UnusableInput
from pulumi_entryguard.reading import asked, is_id, only

# Made from the clouds' declarations by `make types`.
_PACKAGED: Mapping[str, Mapping[str, Any]] = json.loads(
    Path(__file__).with_name("least_privilege.json").read_text(encoding="utf-8")
)
PROVIDERS = tuple(_PACKAGED)


@dataclass(frozen=True, slots=True)
class LeastPrivilege:
    """A policy, and in a sentence what to do with it (nothing for a cloud that this version does not know)."""

    policy: Mapping[str, Any]
    use: str


def for_every_object(provider: str) -> LeastPrivilege:
    """What lets EntryGuard open and close every object of an account. Asks nobody."""
    return LeastPrivilege(_PACKAGED[provider]["policy"], _PACKAGED[provider]["use"])


def for_credential(client: Client, id_or_name: str, provider: str | None = None) -> LeastPrivilege:
    """What the resources of one credential need and nothing more, as the server says.

    Raises UnusableInput where a name is nobody's, or that of several (of `provider`, if it is given).
    """
    credential = _credential(client, id_or_name, provider)
    policy = asked(client, route("credentials", credential["id"], "policy"), dict)
    return LeastPrivilege(policy, _PACKAGED.get(credential["provider"], {}).get("use", ""))


def _credential(client: Client, id_or_name: str, provider: str | None) -> Mapping[str, Any]:
    if is_id(id_or_name):
        shown = asked(client, route("credentials", id_or_name), dict)
        if provider not in (None, shown["provider"]):
            raise UnusableInput(f"credential {id_or_name} is of provider {shown['provider']}, not {provider}")
        return shown
    named: dict[str, Mapping[str, Any]] = {
        credential["id"]: credential
        for credential in asked(client, "/credentials", list)
        if credential["name"] == id_or_name and provider in (None, credential["provider"])
    }
    return named[only(list(named), id_or_name, "credential", f" of {provider}" if provider else "")]
