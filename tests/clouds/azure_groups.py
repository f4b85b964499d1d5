"""The network security groups of the Azure stand-in: what may be written, and how a change comes about."""

import ipaddress
import re
import threading
import time
import uuid
from typing import Any

_RULES_AT_MOST = 1000
_PRIORITIES = range(100, 4097)
_PROTOCOLS = {"tcp", "udp", "icmp", "icmpv6", "esp", "ah", "*"}
_NAME = re.compile(r"[A-Za-z0-9]([\w.-]{0,78}\w)?", re.ASCII)
_PORTS = re.compile(r"\*|\d{1,5}(-\d{1,5})?", re.ASCII)
# The fields of which one must be given: a value, several, or application security groups.
_EITHER = (
    ("sourceAddressPrefix", "sourceAddressPrefixes", "sourceApplicationSecurityGroups"),
    ("destinationAddressPrefix", "destinationAddressPrefixes", "destinationApplicationSecurityGroups"),
    ("sourcePortRange", "sourcePortRanges"),
    ("destinationPortRange", "destinationPortRanges"),
)
_TYPE = "Microsoft.Network/networkSecurityGroups"

Body = dict[str, Any]


class Refusal(Exception):
    """An error as Resource Manager words it."""

    def __init__(self, status: int, code: str, message: str = "", **headers: str) -> None:
        super().__init__(code)
        self.status, self.headers = status, {name.replace("_", "-"): value for name, value in headers.items()}
        self.body: Body = {"error": {"code": code, "message": message or code, "details": []}}


class Groups:
    """All groups by their ids in small letters. A change is accepted first, and there when its time has come."""

    def __init__(self) -> None:
        self.fault: Body = {}
        self._groups: dict[str, Body] = {}
        self._operations: dict[str, Body] = {}
        self._lock = threading.RLock()

    def add(self, identifier: str, location: str) -> None:
        with self._lock:
            name = identifier.rsplit("/", 1)[-1]
            self._groups[identifier.lower()] = {"id": identifier, "name": name, "location": location, "rules": {}}

    def remove(self, identifier: str) -> None:
        with self._lock:
            del self._groups[identifier.lower()]

    def set_rules(self, identifier: str, rules: list[Body]) -> None:
        """Replace all rules, unchecked and at once."""
        with self._lock:
            group = self._group(identifier)
            group["rules"] = {each["name"].lower(): _rule(group, each["name"], each) for each in rules}

    def within(self, subscription: str) -> list[Body]:
        with self._lock:
            start = f"/subscriptions/{subscription}/".lower()
            return [self.shown(name) for name in sorted(self._groups) if name.startswith(start)]

    def shown(self, identifier: str) -> Body:
        """A group as a GET shows it."""
        with self._lock:
            self._settle()
            group = self._group(identifier)
            busy = any(self._is_under_way(each) for each in self._operations.values() if each["group"] is group)
            return {
                "name": group["name"],
                "id": group["id"],
                "etag": f'W/"{uuid.uuid4()}"',
                "type": _TYPE,
                "location": group["location"],
                "properties": {
                    "provisioningState": "Updating" if busy else "Succeeded",
                    "resourceGuid": str(uuid.uuid4()),
                    "securityRules": list(group["rules"].values()),
                    "defaultSecurityRules": [],
                },
            }

    def rule(self, identifier: str, name: str) -> Body:
        with self._lock:
            self._settle()
            rules: dict[str, Body] = self._group(identifier)["rules"]
            if name.lower() not in rules:
                raise Refusal(404, "NotFound", "Resource not found.")
            return rules[name.lower()]

    def put(self, identifier: str, name: str, body: Body, match: str | None) -> tuple[int, Body, str]:
        """The status, the rule as it begins, and the id of the operation."""
        with self._lock:
            group = self._ready_for_a_change(identifier)
            old = group["rules"].get(name.lower())
            if match and (old is None or old["etag"] != match):
                raise Refusal(412, "PreconditionFailed")
            self._let_others_race(group, body)
            _check(group, name, body)
            made = _rule(group, old["name"] if old else name, body | {"provisioningState": "Updating"})
            group["rules"][name.lower()] = made
            shown = made | {"properties": dict(made["properties"])}
            return 200 if old else 201, shown, self._begin(group, made, "Succeeded")

    def delete(self, identifier: str, name: str) -> str | None:
        """The id of the operation; None where there is no such rule."""
        with self._lock:
            group = self._ready_for_a_change(identifier)
            rule = group["rules"].get(name.lower())
            if rule is None:
                return None
            rule["properties"]["provisioningState"] = "Deleting"
            return self._begin(group, rule, "Deleted")

    def operation(self, identifier: str) -> Body:
        with self._lock:
            self._settle()
            operation = self._operations[identifier]
            if self._is_under_way(operation):
                return {"status": "InProgress"}
            if operation["failure"]:
                return {"status": "Failed", "error": {"code": operation["failure"], "message": "It failed."}}
            return {"status": "Succeeded"}

    def _group(self, identifier: str) -> Body:
        if identifier.lower() not in self._groups:
            raise Refusal(404, "ResourceNotFound", f"The Resource '{identifier}' was not found.")
        return self._groups[identifier.lower()]

    def _ready_for_a_change(self, identifier: str) -> Body:
        self._settle()
        group = self._group(identifier)
        if any(self._is_under_way(each) for each in self._operations.values() if each["group"] is group):
            refusal = Refusal(429, "RetryableError", "A retryable error occurred.", Retry_After="10")
            refusal.body["error"]["details"] = [{"code": "RetryableErrorDueToAnotherOperation"}]
            raise refusal
        return group

    def _let_others_race(self, group: Body, body: Body) -> None:
        """Somebody else takes the priority a moment before."""
        if self.fault.get("racing", 0) > 0 and body["direction"] == "Inbound":
            self.fault["racing"] -= 1
            name = f"quicker-{body['priority']}"
            group["rules"][name] = _rule(group, name, body | {"access": "Deny", "description": "quicker"})

    def _begin(self, group: Body, rule: Body, outcome: str) -> str:
        identifier = str(uuid.uuid4())
        until = time.monotonic() + self.fault.get("slow_change", 0)
        failure = self.fault.get("failing_change")
        self._operations[identifier] = {
            "group": group, "rule": rule, "outcome": outcome, "until": until, "failure": failure, "settled": False
        }  # fmt: skip
        return identifier

    def _is_under_way(self, operation: Body) -> bool:
        return bool(operation["until"] > time.monotonic())

    def _settle(self) -> None:
        """Do what is due."""
        for operation in self._operations.values():
            if operation["settled"] or self._is_under_way(operation):
                continue
            operation["settled"] = True
            rule, rules = operation["rule"], operation["group"]["rules"]
            if operation["outcome"] == "Deleted" and not operation["failure"]:
                rules.pop(rule["name"].lower(), None)
            else:
                rule["properties"]["provisioningState"] = "Failed" if operation["failure"] else "Succeeded"


def _rule(group: Body, name: str, properties: Body) -> Body:
    """A rule as Azure keeps it: lists are there when they are empty, single values are not."""
    kept: Body = {"provisioningState": "Succeeded"} | {names[1]: [] for names in _EITHER}
    kept |= {field: value for field, value in properties.items() if field != "name" and value is not None}
    return {
        "name": name,
        "id": f"{group['id']}/securityRules/{name}",
        "etag": f'W/"{uuid.uuid4()}"',
        "type": f"{_TYPE}/securityRules",
        "properties": kept,
    }


def _check(group: Body, name: str, body: Body) -> None:
    """Raises Refusal for what Azure does not take."""
    if not _NAME.fullmatch(name):
        raise Refusal(400, "InvalidResourceName")
    if len(body.get("description") or "") > 140:
        raise Refusal(400, "InvalidRequestFormat", "The description has more than 140 characters.")
    if body.get("access") not in ("Allow", "Deny") or body.get("direction") not in ("Inbound", "Outbound"):
        raise Refusal(400, "InvalidRequestFormat", "Required: access and direction.")
    if str(body.get("protocol")).lower() not in _PROTOCOLS:
        raise Refusal(400, "SecurityRuleInvalidProtocol")
    if not isinstance(body.get("priority"), int) or body["priority"] not in _PRIORITIES:
        raise Refusal(400, "SecurityRuleInvalidPriority")
    _check_values(body)
    _check_others(group, name, body)


def _check_values(body: Body) -> None:
    for names in _EITHER:
        given = [name for name in names if body.get(name)]
        if len(given) != 1:
            raise Refusal(400, "InvalidRequestFormat", f"One of {', '.join(names)} must be given.")
        values = body[given[0]]
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, str):
                _check_value(given[0], value, str(body["protocol"]).lower())


def _check_others(group: Body, name: str, body: Body) -> None:
    others = [each["properties"] for each in group["rules"].values() if each["name"].lower() != name.lower()]
    if any((each["priority"], each["direction"]) == (body["priority"], body["direction"]) for each in others):
        raise Refusal(400, "SecurityRuleConflict", "Rules cannot have the same Priority and Direction.")
    if len(others) >= _RULES_AT_MOST:
        raise Refusal(400, "SecurityRuleCountLimitReached")


def _check_value(field: str, value: str, protocol: str) -> None:
    if "Port" in field:
        if not _PORTS.fullmatch(value):
            raise Refusal(400, "SecurityRuleInvalidPortRange")
    elif value[:1].isdigit() or ":" in value:
        try:
            network = ipaddress.ip_network(value)
        except ValueError:
            raise Refusal(400, "SecurityRuleInvalidAddressPrefix") from None
        if protocol == {4: "icmpv6", 6: "icmp"}[network.version]:
            raise Refusal(400, "SecurityRuleInvalidProtocol")
