"""Asking APISIX through its Admin API: a route lets in the addresses on the whitelist of its ip-restriction plugin.

The whitelist has no place for a tag, and the Admin API no way to write only if nothing has changed: two writers at once
lose entries and are both told that all went well. So only the whitelist is written, right after it was read, and it
is read again afterwards. https://apisix.apache.org/docs/apisix/admin-api/ and …/plugins/ip-restriction/
"""

import random
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests

from api.clouds.apisix import Apisix
from api.clouds.base import Endpoints, Refused, Seen, Target, Throttled, Unasked, Unreachable, Unseen, Verified
from api.clouds.http import is_forbidden, tenants_session
from api.clouds.rules import Found, Kept, Listing, Network, State

_VISIBLE_AT_MOST = 1000
_PAGE = 100  # the Admin API would give 500, which is too long an answer where the routes are long
_PORTS = {"http": 80, "https": 443}
_WRITES_AT_MOST = 6
_LONGEST_WAIT_SECONDS = 0.4
# The plugin takes no empty whitelist, and a route without the plugin is open to everybody. So the last entry is an
# address that is nobody's (TEST-NET-1, RFC 5737).
_NOBODY = "192.0.2.1/32"
_WHITELIST = "plugins/ip-restriction/whitelist"
_KEY = re.compile(r"[!-~][ -~]*")  # what a header can hold

Change = Callable[[list[str], list[str] | None], list[str]]
"""The entries as they should be, of those that are there and of those that were when we last wrote, if we have."""


class ApisixConnection:
    """One key of one gateway's Admin API."""

    def __init__(self, secrets: Mapping[str, str], endpoints: Endpoints) -> None:
        self._url = secrets["apiUrl"].rstrip("/")
        self._key = secrets["apiKey"]
        self._session = tenants_session(endpoints)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection holds a secret: it is neither copied nor pickled")

    def verify(self, targets: Sequence[Target]) -> Verified:
        """A key that may only look is told by the removal of a route that nobody has."""
        self._ask("GET", "?page=1&page_size=10")
        try:
            self._ask("DELETE", f"/{uuid.uuid4()}")
        except Refused as refusal:
            if refusal.code == "Unauthorized":
                raise Refused(refusal.code, "missing admin", Apisix.permissions) from None
            if refusal.code != "NotFound":
                raise
        else:
            raise _not_apisix(200)  # it says yes to everything
        return Verified(account_of(self._url))

    def inspect(self, target: Target) -> Seen:
        route = self._route(target)
        _whitelist(route)
        return _seen(route, target.identifier)

    def visible(self, region: str | None) -> list[Seen]:
        seen: list[Seen] = []
        for page in range(1, _VISIBLE_AT_MOST // _PAGE + 1):
            routes = self._ask("GET", f"?page={page}&page_size={_PAGE}").get("list")
            if not isinstance(routes, list):
                break  # the gateway writes an empty list as an empty object
            values = [route["value"] for route in routes if isinstance(route, dict)]
            seen += [_seen(value, str(value.get("id", ""))) for value in values if isinstance(value, dict)]
            if len(routes) < _PAGE:
                break
        return seen

    def rules(self, target: Target, installation: uuid.UUID, kept: Sequence[Kept]) -> Listing:
        entries = [(entry, _network(entry)) for entry in _whitelist(self._route(target))]
        return Listing({each.rule.tag: _found(each, entries) for each in kept})

    def apply(self, target: Target, kept: Kept) -> tuple[str, ...]:
        address = kept.rule.address

        def add(entries: list[str], before: list[str] | None) -> list[str]:
            there = any(_network(entry) == address for entry in entries)
            return entries if there else [*entries, _written(address)]

        was_there = not self._change(target, add)
        return () if was_there and not kept.added else (_written(address),)

    def revoke(self, target: Target, kept: Kept) -> None:
        def equal_in(entries: Sequence[str]) -> list[str]:
            return [entry for entry in entries if _network(entry) == kept.rule.address]

        def remove(entries: list[str], before: list[str] | None) -> list[str]:
            # One and no more. Only where there are as many as before we wrote, somebody has undone it.
            equal = equal_in(entries)
            ours = _ours_of(kept, equal)
            if ours is None or (before is not None and len(equal) < len(equal_in(before))):
                return entries
            others = list(entries)
            others.remove(ours)
            return others or [_NOBODY]

        self._change(target, remove)

    def _change(self, target: Target, change: Change) -> bool:
        """Write the whitelist until it reads as wanted. Whether anything was written."""
        before: list[str] | None = None
        for _ in range(_WRITES_AT_MOST):
            try:
                entries = _whitelist(self._route(target))
            except (Refused, Unreachable) as failure:
                if before is not None:
                    raise Unseen("the gateway does not show what has become of the change") from None
                if isinstance(failure, (Refused, Throttled)):
                    raise
                raise Unasked(str(failure)) from None
            wanted = change(entries, before)
            if wanted == entries:
                return before is not None
            try:
                self._ask("PATCH", f"/{target.identifier}/{_WHITELIST}", wanted)
                before = entries
            except _Overwritten:
                time.sleep(random.uniform(0, _LONGEST_WAIT_SECONDS))  # noqa: S311 - parts two writers, hides nothing
        raise (Unasked if before is None else Unseen)("somebody else keeps changing the route")

    def _route(self, target: Target) -> Mapping[str, Any]:
        value = self._ask("GET", f"/{target.identifier}").get("value")
        if not isinstance(value, dict):
            raise _not_apisix(200)
        return value

    def _ask(self, method: str, path: str, body: object = None) -> Mapping[str, Any]:
        """One call. What fails is raised after the error is gone, which may hold the gateway's text."""
        if not _KEY.fullmatch(self._key):
            raise Refused("Unauthorized", Apisix.hints["Unauthorized"])
        try:
            answer = self._session.request(
                method,
                f"{self._url}/apisix/admin/routes{path}",
                json=body,
                headers={"X-API-KEY": self._key, "X-API-VERSION": "v3"},
            )
        except requests.RequestException as error:
            failure = _failure(error)
        else:
            return _told(answer)
        raise failure


def account_of(url: str) -> str:
    """The gateway that a URL leads to: several may be on one host, each with routes of its own."""
    parts = urlsplit(url)
    host, port = str(parts.hostname), parts.port or _PORTS[parts.scheme]
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port == _PORTS["https"] else f":{port}"
    return f"{shown_host}{shown_port}{parts.path.rstrip('/')}"


class _Overwritten(Exception):
    """Somebody wrote the route between our reading and our writing."""


def _told(answer: requests.Response) -> Mapping[str, Any]:
    status = answer.status_code
    if status in (401, 403):
        raise Refused("Unauthorized", Apisix.hints["Unauthorized"])
    if status == 429:
        raise Throttled("the gateway asks to be asked less often")
    body = _json(answer)
    if status == 503 and "changed" in str(body.get("error_msg", "")):
        raise _Overwritten
    # In these words since 2.0. Its other messages, and those of a proxy before it, do not mean that the route is gone.
    if status == 404 and str(body.get("message")).lower() == "key not found":
        raise Refused("NotFound", Apisix.hints["NotFound"])
    if status == 400:
        raise Refused("BadRequest", Apisix.hints["BadRequest"])
    if status in (200, 201):
        return body
    raise _not_apisix(status)


def _json(answer: requests.Response) -> dict[str, Any]:
    """An answer's object; Unreachable for what the Admin API does not say."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _not_apisix(answer.status_code) from None
    return body


def _failure(error: requests.RequestException) -> Refused | Unreachable:
    if is_forbidden(error):
        return Refused("UnsafeUrl", Apisix.hints["UnsafeUrl"])
    return Unreachable(f"the gateway did not answer ({type(error).__name__})")


def _not_apisix(status: int) -> Unreachable:
    return Unreachable(f"something answered that is not APISIX (HTTP {status})")


def _whitelist(route: Mapping[str, Any]) -> list[str]:
    """The addresses that a route lets in; Refused where it is not a whitelist that decides."""
    plugins = route.get("plugins")
    plugin = plugins.get("ip-restriction") if isinstance(plugins, dict) else None
    if not isinstance(plugin, dict) or plugin.get("_meta", {}).get("disable"):
        raise Refused("NoIpRestriction", Apisix.hints["NoIpRestriction"])
    entries = plugin.get("whitelist")
    if not isinstance(entries, list):
        raise Refused("HasBlacklist", Apisix.hints["HasBlacklist"])
    return [str(entry) for entry in entries]


def _found(kept: Kept, entries: Sequence[tuple[str, Network | None]]) -> Found:
    equal = [entry for entry, network in entries if network == kept.rule.address]
    if not equal:
        return Found(State.ABSENT)
    ours = _ours_of(kept, equal)
    if ours is None:
        return Found(State.PRESENT, foreign=True)
    ids, alike = (_written(kept.rule.address),), equal.count(ours)
    return Found(State.PRESENT, ids, ours=True, foreign=len(equal) > 1, twins=alike if alike > 1 else 0)


def _ours_of(kept: Kept, equal: Sequence[str]) -> str | None:
    """Which of the entries that equal a rule is ours, if any: of several, one that is spelt as we do.

    Ours has gone where fewer are spelt so than when it was to be removed, or none beside somebody else's.
    """
    spelling = _written(kept.rule.address)
    alike = equal.count(spelling)
    if not kept.added or not equal or alike < kept.twins or (kept.foreign and not alike):
        return None
    return spelling if alike else equal[0]


def _network(entry: str) -> Network | None:
    """An entry as what it lets in: the gateway takes host bits (1.2.3.4/24) and every spelling."""
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None


def _written(address: Network) -> str:
    return str(address.network_address) if address.num_addresses == 1 else str(address)


def _seen(route: Mapping[str, Any], identifier: str) -> Seen:
    return Seen(identifier, str(route.get("name", "")), str(route.get("desc", "")), None)
