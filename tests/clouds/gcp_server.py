"""Google Cloud for tests and for the demo: the token endpoint, Compute Engine's firewalls, Resource Manager.

A process of its own, over TLS, on a free port of the loopback. It writes its port and its authority's certificate to
its standard output as JSON, and ends when its standard input does. What Google has not stands below /standin/:
accounts, projects and rules are made, faults are set, and the calls so far are told.
"""

import copy
import json
import os
import ssl
import sys
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import trustme

from tests.clouds.chance import Chances
from tests.clouds.gcp_accounts import Account, Accounts
from tests.clouds.gcp_compute import Project, Refusal

_PATIENCE_SECONDS = 1.0
_SILENT_AT_MOST = 60.0
_COMPUTE = "/compute/v1/projects/"
_RESOURCE_MANAGER = "/v1/projects/"
_PERMISSIONS = {
    ("GET", "firewalls", False): "compute.firewalls.list",
    ("GET", "firewalls", True): "compute.firewalls.get",
    ("POST", "firewalls", False): "compute.firewalls.create",
    ("PATCH", "firewalls", True): "compute.firewalls.update",
    ("PUT", "firewalls", True): "compute.firewalls.update",
    ("DELETE", "firewalls", True): "compute.firewalls.delete",
    ("GET", "networks", False): "compute.networks.list",
    ("GET", "networks", True): "compute.networks.get",
    ("GET", "operations", True): "compute.globalOperations.get",
    ("POST", "operations", True): "compute.globalOperations.get",
}

Answer = tuple[int, Any]


class Google:
    """Everything that is there, and who may do what."""

    def __init__(self) -> None:
        self.accounts = Accounts()
        self.projects: dict[str, Project] = {}
        self.fault: dict[str, Any] = {}
        self.calls: list[str] = []
        self.chances = Chances()
        self.lock = threading.Lock()

    def service_of(self, path: str) -> str:
        if path.startswith(_COMPUTE):
            return "operations" if "/operations/" in path else "compute"
        return "token" if path == "/token" else "resource_manager"

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, authorization: str) -> Answer:
        try:
            with self.lock:
                if path == "/token":
                    return self.accounts.token(dict(parse_qsl(body.decode())))
                account = self.accounts.of_token(authorization)
                said = json.loads(body or b"{}")
                if path.startswith(_COMPUTE):
                    return 200, self._compute(account, method, path.removeprefix(_COMPUTE), query, said)
                return 200, self._permissions(account, path.removeprefix(_RESOURCE_MANAGER), said)
        except Refusal as refusal:
            return refusal.answer

    def _permissions(self, account: Account, path: str, said: dict[str, Any]) -> Any:
        name, _, verb = path.partition(":")
        project = self.projects.get(name)
        if "cloudresourcemanager" not in self.projects[account.project].services:
            message = "Cloud Resource Manager API has not been used in project 42 before or it is disabled."
            raise Refusal(403, "accessNotConfigured", message, canonical="PERMISSION_DENIED", detail="SERVICE_DISABLED")
        if verb != "testIamPermissions" or project is None or account.project != name:
            raise Refusal(403, "forbidden", "The caller does not have permission", canonical="PERMISSION_DENIED")
        held = [each for each in said["permissions"] if each in account.permissions]
        return {"permissions": held} if held else {}

    def _compute(self, account: Account, method: str, path: str, query: dict[str, str], said: dict[str, Any]) -> Any:
        name, _, kind, *rest = path.split("/")
        project = self.projects.get(name)
        if project is None:
            raise Refusal(404, "notFound", f"The resource 'projects/{name}' was not found")
        if "compute" not in project.services:
            message = "Compute Engine API has not been used in project 42 before or it is disabled."
            raise Refusal(403, "accessNotConfigured", message, canonical="PERMISSION_DENIED", detail="SERVICE_DISABLED")
        if not project.billed:
            message = "This API method requires billing to be enabled. Please enable billing on project #42."
            raise Refusal(403, "forbidden", message, canonical="PERMISSION_DENIED", detail="BILLING_DISABLED")
        self._check(account, project, _PERMISSIONS[method, kind, bool(rest)], path)
        if kind == "firewalls" and method != "GET":
            self._check(account, project, "compute.networks.updatePolicy", f"projects/{name}/global/networks/any")
        return _does(project, method, kind, rest, query, said)

    def _check(self, account: Account, project: Project, permission: str, path: str) -> None:
        if account.project != project.name or permission not in account.permissions:
            raise Refusal(403, "forbidden", f"Required '{permission}' permission for 'projects/{path}'")


def _does(project: Project, method: str, kind: str, rest: list[str], query: dict[str, str], said: Any) -> Any:
    if not rest:
        return project.insert(said, query.get("requestId", "")) if method == "POST" else _page(project, kind, query)
    looks = {"operations": project.operation, "networks": project.network, "firewalls": project.get}
    if method == "GET" or kind == "operations":
        return looks[kind](rest[0])
    if method == "DELETE":
        return project.delete(rest[0], query.get("requestId", ""))
    change = project.patch if method == "PATCH" else project.update
    return change(rest[0], said, query.get("requestId", ""))


def _page(project: Project, kind: str, query: dict[str, str]) -> Any:
    every = project.firewalls if kind == "firewalls" else project.networks
    size, first = int(query.get("maxResults", "500")), int(query.get("pageToken", "0"))
    items = [every[name] for name in sorted(every)][first : first + size]
    answer: dict[str, Any] = {"kind": f"compute#{kind[:-1]}List", "id": f"projects/{project.name}/global/{kind}"}
    if items:  # the real one leaves out an empty list
        answer["items"] = items
    if first + size < len(every):
        answer["nextPageToken"] = str(first + size)
    return answer


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with kept connections. Without its two settings each answer would cost 40 ms."""

    google: Google
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server_version, sys_version = "ESF", ""

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        place = urlsplit(self.path)
        if place.path.startswith("/standin/"):
            self._say(200, settle(self.google, place.path.removeprefix("/standin/"), json.loads(body or b"null")))
            return
        google, fault = self.google, self.google.fault
        google.calls.append(f"{self.command} {self.path}")
        service = google.service_of(place.path)
        is_change = service == "compute" and self.command != "GET"
        fault = google.chances.fault_for(fault, is_change=is_change, service=service)
        if service not in fault.get("services", (service,)):
            fault = {}
        time.sleep(fault.get("delay", 0))
        if fault.get("silent"):
            self._wait_for_another(fault)
        if "status" in fault:
            self._say(fault["status"], fault.get("body", ""), fault.get("headers", {}))
            return
        authorization = self.headers.get("Authorization", "")
        query = dict(parse_qsl(place.query))
        answer = partial(google.answer, self.command, place.path, query, body, authorization)
        if not is_change or not {"lost", "late"} & set(fault):
            self._say(*answer())
            return
        self.close_connection = True
        if "late" in fault:
            google.chances.later(fault["late"], answer, self.path + body.decode())
        else:
            answer()
            google.fault = {} if fault.get("once") else google.fault

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST = handle_request  # noqa: N815  the names that http.server calls

    def _say(self, status: int, said: Any, headers: dict[str, str] | None = None) -> None:
        body = said if isinstance(said, str) else json.dumps(said, indent=2)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json; charset=UTF-8", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def _wait_for_another(self, fault: dict[str, Any]) -> None:
        until = time.monotonic() + _SILENT_AT_MOST
        while self.google.fault is fault and time.monotonic() < until:
            time.sleep(0.05)


def by_a_person(google: Google, project: Project, does: str, arguments: list[Any]) -> Any:
    """A change that is ready when the person turns to something else, unless operations take long."""
    with google.lock:
        done = getattr(project, does)(*arguments, "")
    if project.operation_seconds < _PATIENCE_SECONDS:
        time.sleep(project.operation_seconds)
    return done


def change(project: Project, values: dict[str, Any]) -> None:
    """Have a project be otherwise."""
    for name, value in values.items():
        setattr(project, name, set(value) if name == "services" else value)


def firewalls_of(google: Google, project: Project) -> Any:
    """What there is in one project alone: of many, the whole takes long to tell."""
    with google.lock:
        return copy.deepcopy(project.firewalls)


def settle(google: Google, what: str, said: Any) -> Any:
    """Do what a test asks for."""
    if what == "fault":
        google.fault = said
        google.accounts.clock_seconds = said.get("clock_seconds", 0.0)
    elif what == "account":
        google.accounts.by_email[said["email"]] = Account(**said | {"permissions": set(said["permissions"])})
    elif what == "project":
        google.projects.setdefault(said["name"], Project(said["name"]))
    elif what == "set":
        change(google.projects[said["project"]], said["values"])
    elif what == "network":
        for name in said["names"]:
            google.projects[said["project"]].add_network(name)
    elif what == "person":
        return by_a_person(google, google.projects[said["project"]], said["does"], said["arguments"])
    elif what == "forget_tokens":
        google.accounts.forget_tokens()
    elif what == "firewalls":
        return firewalls_of(google, google.projects[said["project"]])
    with google.lock:
        firewalls = {name: copy.deepcopy(each.firewalls) for name, each in google.projects.items()}
    return {"calls": list(google.calls), "firewalls": firewalls, **google.chances.told()}


def end_with_standard_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serve until standard input ends."""
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    authority = trustme.CA()
    Handler.google = Google()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    started = {"port": server.server_port, "authority": authority.cert_pem.bytes().decode()}
    sys.stdout.write(json.dumps(started) + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
