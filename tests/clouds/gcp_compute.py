"""Compute Engine's networks, firewall rules and global operations, as far as EntryGuard can tell the difference.

https://cloud.google.com/compute/docs/reference/rest/v1/firewalls
"""

import copy
import re
import time
import uuid
from collections.abc import Callable
from ipaddress import ip_network
from itertools import count
from typing import Any

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_PORTS = re.compile(r"\d{1,5}(-\d{1,5})?")
_NETWORK = re.compile(r"(https://[^/]+/compute/v1/)?(projects/(?P<project>[^/]+)/)?global/networks/(?P<name>[^/]+)")
_WITH_PORTS = {"tcp", "udp", "sctp", "6", "17", "132"}
_PROTOCOLS = _WITH_PORTS | {"all", "icmp", "esp", "ah", "ipip", *map(str, range(256))}
_SOURCES = ("sourceRanges", "sourceTags", "sourceServiceAccounts")
_URL = "https://www.googleapis.com/compute/v1/projects"

Json = dict[str, Any]


class Refusal(Exception):
    """An answer that is no success, with Google's body."""

    def __init__(self, status: int, reason: str, message: str, *, canonical: str = "", detail: str = "") -> None:
        super().__init__(message)
        error: Json = {"code": status, "message": message, "errors": [{"message": message, "domain": "global"}]}
        error["errors"][0]["reason"] = reason
        if canonical:
            error["status"] = canonical
        if detail:
            kind = "type.googleapis.com/google.rpc.ErrorInfo"
            error["details"] = [{"@type": kind, "reason": detail, "domain": "googleapis.com"}]
        self.answer = (status, {"error": error})


class Project:
    """One project: its networks, its firewall rules, and the operations that changed them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.networks: dict[str, Json] = {}
        self.firewalls: dict[str, Json] = {}
        self.quota = 100
        self.billed = True
        self.services = {"compute", "cloudresourcemanager"}
        self.operation_seconds = 0.02
        self.operation_error = ""
        self._operations: dict[str, Json] = {}
        self._by_request: dict[str, str] = {}
        self._ids = count(4_611_686_018_427_387_904)

    def add_network(self, name: str) -> None:
        self.networks[name] = {
            "kind": "compute#network",
            "id": str(next(self._ids)),
            "name": name,
            "description": f"The network {name}",
            "selfLink": f"{_URL}/{self.name}/global/networks/{name}",
            "autoCreateSubnetworks": False,
        }

    def insert(self, body: Json, request_id: str) -> Json:
        def change() -> str:
            firewall = self._completed(body)
            name = firewall["name"]
            if name in self.firewalls:
                self._check_ready(name)
                raise Refusal(409, "alreadyExists", f"The resource '{self._path(name)}' already exists")
            if len(self.firewalls) >= self.quota:
                message = f"Quota 'FIREWALLS' exceeded.  Limit: {self.quota}.0 globally."
                raise Refusal(403, "quotaExceeded", message)
            self._keep(name, firewall)
            return str(name)

        return self._operate("insert", change, request_id)

    def patch(self, name: str, body: Json, request_id: str) -> Json:
        """A JSON merge patch: lists are replaced whole, what is left out stays."""

        def change() -> str:
            old = self._ready(name)
            new = {key: value for key, value in (old | body).items() if value is not None}
            self._keep(name, self._completed(new, old))
            return name

        return self._operate("patch", change, request_id)

    def update(self, name: str, body: Json, request_id: str) -> Json:
        def change() -> str:
            self._keep(name, self._completed({**body, "name": name}, self._ready(name)))
            return name

        return self._operate("update", change, request_id)

    def delete(self, name: str, request_id: str) -> Json:
        def change() -> str:
            self._ready(name)
            if not self.operation_error:
                del self.firewalls[name]
            return name

        return self._operate("delete", change, request_id)

    def get(self, name: str) -> Json:
        if name not in self.firewalls:
            raise Refusal(404, "notFound", f"The resource '{self._path(name)}' was not found")
        return self.firewalls[name]

    def network(self, name: str) -> Json:
        if name not in self.networks:
            message = f"The resource 'projects/{self.name}/global/networks/{name}' was not found"
            raise Refusal(404, "notFound", message)
        return self.networks[name]

    def operation(self, name: str) -> Json:
        if name not in self._operations:
            message = f"The resource 'projects/{self.name}/global/operations/{name}' was not found"
            raise Refusal(404, "notFound", message)
        operation = self._operations[name]
        running = time.monotonic() < operation["until"]
        shown = {key: value for key, value in operation.items() if key not in ("until", "error", "about")}
        shown |= {"status": "RUNNING" if running else "DONE", "progress": 0 if running else 100}
        if operation["error"] and not running:
            shown["error"] = {"errors": [{"code": operation["error"], "message": "projects/secret/of/google"}]}
            shown |= {"httpErrorStatusCode": 400, "httpErrorMessage": "BAD REQUEST"}
        return shown

    def _operate(self, kind: str, change: Callable[[], str], request_id: str) -> Json:
        """Make a change, once for each request's id."""
        if request_id:
            uuid.UUID(request_id)
        if request_id in self._by_request:
            return self.operation(self._by_request[request_id])
        about = change()
        number = next(self._ids)
        name = f"operation-{number}"
        self._operations[name] = {
            "kind": "compute#operation",
            "id": str(number),
            "name": name,
            "operationType": kind,
            "targetLink": f"{_URL}/{self.name}/global/firewalls/{about}",
            "user": "somebody@example.com",
            "about": about,
            "until": time.monotonic() + self.operation_seconds,
            "error": self.operation_error,
        }
        if request_id:
            self._by_request[request_id] = name
        return self.operation(name)

    def _keep(self, name: str, firewall: Json) -> None:
        if not self.operation_error:
            self.firewalls[name] = firewall

    def _ready(self, name: str) -> Json:
        firewall = self.get(name)
        self._check_ready(name)
        return firewall

    def _check_ready(self, name: str) -> None:
        now = time.monotonic()
        if any(each["about"] == name and now < each["until"] for each in self._operations.values()):
            raise Refusal(400, "resourceNotReady", f"The resource '{self._path(name)}' is not ready")

    def _path(self, name: str) -> str:
        return f"projects/{self.name}/global/firewalls/{name}"

    def _completed(self, body: Json, old: Json | None = None) -> Json:
        """A firewall rule with what Google adds, after what Google checks."""
        firewall = copy.deepcopy(body)
        if not _NAME.fullmatch(firewall.get("name", "")):
            raise _invalid("resource.name")
        place = _NETWORK.fullmatch(firewall.get("network", "global/networks/default"))
        if not place or place["project"] not in (None, self.name):
            raise _invalid("resource.network")
        firewall["network"] = self.network(place["name"])["selfLink"]
        firewall = {"direction": "INGRESS", "priority": 1000, "disabled": False, "description": ""} | firewall
        if old and any(firewall[fixed] != old[fixed] for fixed in ("network", "direction", "name")):
            raise _invalid("resource")
        firewall = {key: value for key, value in firewall.items() if value != []}
        # The default that opens a network to everybody.
        if firewall["direction"] == "INGRESS" and not any(name in firewall for name in _SOURCES):
            firewall["sourceRanges"] = ["0.0.0.0/0"]
        _check(firewall)
        return firewall | {
            "kind": "compute#firewall",
            "id": old["id"] if old else str(next(self._ids)),
            "creationTimestamp": "2026-02-18T12:30:00.000-08:00",
            "selfLink": f"{_URL}/{self.name}/global/firewalls/{firewall['name']}",
            "logConfig": firewall.get("logConfig", {"enable": False}),
        }


def _invalid(field: str) -> Refusal:
    return Refusal(400, "invalid", f"Invalid value for field '{field}'")


def _check(firewall: Json) -> None:
    if ("allowed" in firewall) == ("denied" in firewall) or not 0 <= firewall["priority"] <= 65535:
        raise _invalid("resource")
    try:
        families = {ip_network(source).version for source in firewall.get("sourceRanges", ())}
    except ValueError:
        raise _invalid("resource.sourceRanges[0]") from None
    if len(families) > 1 or len(firewall.get("targetTags", ())) > 70:
        raise _invalid("resource")
    for allowed in firewall.get("allowed") or firewall.get("denied") or ():
        protocol, ports = allowed.get("IPProtocol", ""), allowed.get("ports", [])
        if protocol not in _PROTOCOLS or (ports and protocol not in _WITH_PORTS):
            raise _invalid("resource.allowed[0]")
        if not all(_PORTS.fullmatch(port) for port in ports):
            raise _invalid("resource.allowed[0].ports")
        if (protocol in ("icmp", "1") and 6 in families) or (protocol == "58" and 4 in families):
            raise _invalid("resource.allowed[0].IPProtocol")
