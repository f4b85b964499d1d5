"""Entra and Azure Resource Manager for tests and for the demo, as EntryGuard needs them: tokens, roles, rules.

A process of its own, over TLS, on two free ports of the loopback. It writes these and its authority's certificate to
its standard output as JSON, and ends when its standard input does. What no Azure has stands below /standin/ of Resource
Manager: principals and groups are made, faults are set, the calls that came in are told.
"""

import json
import os
import re
import secrets
import ssl
import sys
import threading
import time
import uuid
from collections.abc import Iterable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import trustme

from tests.clouds.azure_entra import Answer, Entra
from tests.clouds.azure_groups import Body, Groups, Refusal
from tests.clouds.chance import Chances

_SILENT_AT_MOST = 60.0
_PAGE = 100
_NETWORK = "Microsoft.Network/networkSecurityGroups"
_GROUP = re.compile(
    r"(?P<group>/subscriptions/(?P<subscription>[^/]+)/resourceGroups/[^/]+"
    r"/providers/Microsoft\.Network/networkSecurityGroups/[^/]+)(?P<below>/.*)?",
    re.IGNORECASE,
)
_SUBSCRIPTION = re.compile(r"/subscriptions/(?P<subscription>[^/]+)(?P<below>/.*)?", re.IGNORECASE)


class ResourceManager:
    """Subscriptions, groups, and who may do what with them."""

    def __init__(self, entra: Entra, owner: str) -> None:
        self.groups = Groups()
        self.subscriptions: dict[str, str] = {}
        self.url = ""
        self._entra = entra
        self._owner = owner

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes, headers: Any) -> Answer:
        try:
            if "api-version" not in query:
                raise Refusal(400, "MissingApiVersionParameter")
            subscription = _SUBSCRIPTION.fullmatch(path)
            if not subscription:
                raise Refusal(404, "InvalidResourceType")
            holder = self._holder(headers, subscription["subscription"])
            named = _GROUP.fullmatch(path)
            if named:
                below = [part for part in (named["below"] or "").split("/") if part]
                return self._about_a_group(method, named["group"], below, holder, json.loads(body or b"null"), headers)
            return self._about_a_subscription(subscription, query, holder)
        except Refusal as refusal:
            return refusal.status, refusal.body, refusal.headers

    def is_owners(self, headers: Any) -> bool:
        return bool(headers.get("Authorization") == f"Bearer {self._owner}")

    def _holder(self, headers: Any, subscription: str) -> Body:
        """The token's application, whose roles are looked at."""
        token = str(headers.get("Authorization", "")).removeprefix("Bearer ")
        if self.is_owners(headers):
            return {"roles": [{"scope": "", "actions": ["*"], "notActions": []}]}
        known = self._entra.tokens.get(token)
        if known is None or known["scope"] != f"{self.url}/.default":
            raise Refusal(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if subscription.lower() not in self.subscriptions:
            raise Refusal(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")
        if self.subscriptions[subscription.lower()] != known["tenant"]:
            raise Refusal(401, "InvalidAuthenticationTokenTenant", "The access token is from the wrong issuer.")
        return self._entra.applications[known["client"]]

    def _about_a_subscription(self, named: re.Match[str], query: dict[str, list[str]], holder: Body) -> Answer:
        subscription, below = named["subscription"], (named["below"] or "").strip("/")
        if not below:
            _require(holder, "Microsoft.Resources/subscriptions/read", f"/subscriptions/{subscription}")
            return 200, {"id": f"/subscriptions/{subscription}", "subscriptionId": subscription, "state": "Enabled"}, {}
        if "/operations/" in below:
            return 200, self.groups.operation(below.rsplit("/", 1)[-1]), self._retry_after()
        if below.lower() != f"providers/{_NETWORK}".lower():
            raise Refusal(404, "InvalidResourceType")
        first = int(query.get("$skiptoken", ["0"])[0])
        every = [each for each in self.groups.within(subscription) if _may(holder, f"{_NETWORK}/read", each["id"])]
        page: Body = {"value": every[first : first + _PAGE]}
        if every[first + _PAGE :]:
            onwards = urlencode({"api-version": query["api-version"][0], "$skiptoken": first + _PAGE})
            page["nextLink"] = f"{self.url}/subscriptions/{subscription}/{below}?{onwards}"
        return 200, page, {}

    def _about_a_group(
        self, method: str, group: str, below: list[str], holder: Body, body: Any, headers: Any
    ) -> Answer:
        match method, [part.lower() for part in below]:
            case "GET", []:
                _require(holder, f"{_NETWORK}/read", group)
                return 200, self.groups.shown(group), {}
            case "GET", ["providers", "microsoft.authorization", "permissions"]:
                _require(holder, "Microsoft.Authorization/permissions/read", group)
                return 200, {"value": _roles(holder, group)}, {}
            case "GET", ["securityrules"]:
                _require(holder, f"{_NETWORK}/securityRules/read", group)
                return 200, {"value": self.groups.shown(group)["properties"]["securityRules"]}, {}
            case "GET", ["securityrules", _]:
                _require(holder, f"{_NETWORK}/securityRules/read", group)
                return 200, self.groups.rule(group, below[1]), {}
            case "PUT", ["securityrules", _]:
                _require(holder, f"{_NETWORK}/securityRules/write", group)
                status, rule, operation = self.groups.put(group, below[1], body["properties"], headers.get("If-Match"))
                return status, rule, self._following(group, operation)
            case "DELETE", ["securityrules", _]:
                _require(holder, f"{_NETWORK}/securityRules/delete", group)
                begun = self.groups.delete(group, below[1])
                return (202, "", self._following(group, begun)) if begun else (204, "", {})
        raise Refusal(405, "MethodNotAllowed")

    def _following(self, group: str, operation: str) -> dict[str, str]:
        """Where the operation is asked about."""
        url = self.groups.fault.get("operations_at", self.url)
        subscription = "/".join(group.split("/")[:3])
        path = f"{subscription}/providers/Microsoft.Network/locations/westeurope/operations"
        return {"Azure-AsyncOperation": f"{url}{path}/{operation}?api-version=2026-03-01"} | self._retry_after()

    def _retry_after(self) -> dict[str, str]:
        seconds = self.groups.fault.get("retry_after")
        return {} if seconds is None else {"Retry-After": str(seconds)}


def _roles(holder: Body, scope: str) -> list[Body]:
    """What is permitted on a scope, by the roles assigned on it and above it."""
    return [
        {"actions": role["actions"], "notActions": role["notActions"]}
        for role in holder["roles"]
        if scope.lower().startswith(role["scope"].lower())
    ]


def _may(holder: Body, action: str, scope: str) -> bool:
    def named(patterns: Iterable[str]) -> bool:
        return any(
            re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), action, re.IGNORECASE)
            for pattern in patterns
        )

    return any(named(role["actions"]) and not named(role["notActions"]) for role in _roles(holder, scope))


def _require(holder: Body, action: str, scope: str) -> None:
    if not _may(holder, action, scope):
        raise Refusal(
            403,
            "AuthorizationFailed",
            f"The client '{uuid.uuid4()}' with object id '{uuid.uuid4()}' does not have authorization to perform "
            f"action '{action}' over scope '{scope}' or the scope is invalid.",
        )


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with kept connections. Without its two settings each answer would cost 40 ms."""

    entra: Entra
    manager: ResourceManager
    chances: Chances
    calls: list[str]
    name: str
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        place = urlsplit(self.path)
        path = unquote(place.path)
        if path.startswith("/standin/"):
            self._say(200, self._settle(path.removeprefix("/standin/"), json.loads(body or b"null")), {})
            return
        fault = self._fault()
        if not self._is_owners():
            self.calls.append(f"{self.name} {self.command} {path}")
        time.sleep(fault.get("delay", 0))
        if fault.get("silent"):
            self._wait_for_another(fault)
        if "status" in fault and (fault.get("methods") is None or self.command in fault["methods"]):
            self._say(fault["status"], fault["body"], fault.get("headers", {}))
            return
        service = self.entra if self.name == "entra" else self.manager
        answer = partial(service.answer, self.command, path, parse_qs(place.query), body, self.headers)
        if not self._is_change() or not {"lost", "late"} & set(fault):
            self._say(*answer())
            return
        self.close_connection = True
        if "late" in fault:
            self.chances.later(fault["late"], answer, path)
        else:
            answer()

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST = handle_request  # noqa: N815  the names that http.server calls

    def _is_change(self) -> bool:
        return self.command in ("PUT", "DELETE")

    def _is_owners(self) -> bool:
        """What a test does itself is neither told nor disturbed."""
        return self.manager.is_owners(self.headers)

    def _fault(self) -> Body:
        if self._is_owners():
            return {}
        set_fault = self.manager.groups.fault
        fault = self.chances.fault_for(set_fault, is_change=self._is_change(), service=self.name)
        return fault if self.name in fault.get("services", (self.name,)) else {}

    def _settle(self, what: str, body: Any) -> Any:
        groups, applications = self.manager.groups, self.entra.applications
        match what:
            case "fault":
                groups.fault = body
            case "application":
                applications[body["client"]] = body
            case "subscription":
                self.manager.subscriptions[body["subscription"].lower()] = body["tenant"]
            case "group":
                groups.add(body["id"], body["location"])
            case "no-group":
                groups.remove(body["id"])
            case "rules":
                groups.set_rules(body["id"], body["rules"])
            case "met":
                return self.chances.told()
            case "calls":
                return self.calls
        return {}

    def _say(self, status: int, said: Any, headers: dict[str, str]) -> None:
        text = said if isinstance(said, str) else json.dumps(said, indent=2)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def _wait_for_another(self, fault: dict[str, Any]) -> None:
        until = time.monotonic() + _SILENT_AT_MOST
        while self.manager.groups.fault is fault and time.monotonic() < until:
            time.sleep(0.05)


def _served(handler: type[Handler], context: ssl.SSLContext) -> str:
    """Serve in a thread of its own. Returns the URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"https://127.0.0.1:{server.server_port}"


def main() -> None:
    """Serve until standard input ends."""
    authority, owner = trustme.CA(), secrets.token_urlsafe(32)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    Handler.calls, Handler.entra, Handler.chances = [], Entra(), Chances()
    Handler.manager = ResourceManager(Handler.entra, owner)
    for name, service in (("entra", Handler.entra), ("arm", Handler.manager)):
        service.url = _served(type("Named", (Handler,), {"name": name}), context)
    started = {
        "entra": Handler.entra.url,
        "arm": Handler.manager.url,
        "owner": owner,
        "authority": authority.cert_pem.bytes().decode(),
    }
    sys.stdout.write(json.dumps(started) + "\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
