"""An APISIX Admin API for tests and for the demo: routes and their ip-restriction, as APISIX 3 answers about them.

A process of its own, over TLS, on a free port of the loopback. It writes its port and its authority's certificate to
its standard output as JSON, and ends when its standard input does. What no Admin API has stands below /standin/: keys
are made, faults are set, and an address is named that somebody else adds to a route right after its next reading.
"""

import copy
import ipaddress
import json
import os
import ssl
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme

from tests.clouds.chance import Chances

ROUTES = "/apisix/admin/routes"
_PAGE_SIZES = range(10, 501)
_SILENT_AT_MOST = 60.0
_REFUSED_ENTRY = "failed to check the configuration of plugin ip-restriction err: "

Answer = tuple[int, Any]


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, **body: str) -> None:
        super().__init__(status)
        self.answer = (status, body)


class Gateway:
    """The routes of one gateway, under whatever path a proxy has before it.

    What is written is validated as the ip-restriction plugin does.
    """

    def __init__(self, keys: dict[str, str]) -> None:
        self.keys = keys
        self.fault: dict[str, Any] = {}
        self.meanwhile: dict[str, list[str]] = {}
        self.chances = Chances()
        self._routes: dict[str, dict[str, Any]] = {}
        self._index = 10
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        name, _, below = path.partition(ROUTES)[2].strip("/").partition("/")
        if not name:
            return self._page(query)
        answers: dict[str, Callable[[str, str, Any], Answer]] = {
            "GET": self._get,
            "PUT": self._put,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }
        if method not in answers:
            raise Refusal(405, error_msg="not supported")
        return answers[method](name, below, body)

    def may(self, key: str, method: str) -> bool:
        return self.keys.get(key) == "admin" or (self.keys.get(key) == "viewer" and method == "GET")

    def _page(self, query: dict[str, list[str]]) -> Answer:
        size, page = (int(query.get(name, [standard])[0]) for name, standard in (("page_size", "500"), ("page", "1")))
        if size not in _PAGE_SIZES:
            raise Refusal(400, error_msg="page_size must be between 10 and 500")
        with self._lock:
            every = [self._shown(name) for name in sorted(self._routes)]
        return 200, {"total": len(every), "list": every[(page - 1) * size : page * size]}

    def _get(self, name: str, below: str, body: Any) -> Answer:
        with self._lock:
            shown = copy.deepcopy(self._shown(name))
        for address in self.meanwhile.pop(name, []):
            whitelist = shown["value"]["plugins"]["ip-restriction"]["whitelist"]
            self._patch(name, "plugins/ip-restriction/whitelist", [*whitelist, address])
        return 200, shown

    def _put(self, name: str, below: str, body: Any) -> Answer:
        with self._lock:
            status = 200 if name in self._routes else 201
            return status, self._write(name, {**body, "id": name})

    def _patch(self, name: str, below: str, body: Any) -> Answer:
        with self._lock:
            value = copy.deepcopy(self._shown(name)["value"])
            index = self._routes[name]["modifiedIndex"]
        if below:
            *parents, last = below.split("/")
            place = value
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = body
        else:
            value = merged(value, body)
        time.sleep(self.fault.get("slow_write", 0))
        with self._lock:
            self._let_others_race(name)
            if self._shown(name)["modifiedIndex"] != index:
                raise Refusal(503, error_msg="value changed before overwritten")
            return 200, self._write(name, value)

    def _let_others_race(self, name: str) -> None:
        """Somebody else adds an address a moment before."""
        if self.fault.get("racing"):
            value = copy.deepcopy(self._shown(name)["value"])
            value["plugins"]["ip-restriction"]["whitelist"].append(self.fault["racing"].pop(0))
            self._write(name, value)

    def _delete(self, name: str, below: str, body: Any) -> Answer:
        with self._lock:
            self._shown(name)
            del self._routes[name]
        return 200, {"key": f"/apisix/routes/{name}", "deleted": "1"}

    def _shown(self, name: str) -> dict[str, Any]:
        if name not in self._routes:
            raise Refusal(404, message="Key not found")
        return self._routes[name]

    def _write(self, name: str, value: dict[str, Any]) -> dict[str, Any]:
        check_restriction(value.get("plugins", {}).get("ip-restriction"))
        self._index += 1
        created = self._routes.get(name, {}).get("createdIndex", self._index)
        value = value | {"update_time": int(time.time())}
        key = f"/apisix/routes/{name}"
        self._routes[name] = {"key": key, "value": value, "createdIndex": created, "modifiedIndex": self._index}
        return {"key": key, "value": value}


def merged(old: Any, new: Any) -> Any:
    """A merge as APISIX does it: objects deeply, lists whole, null removes."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    both = old | {name: merged(old.get(name), value) for name, value in new.items()}
    return {name: value for name, value in both.items() if value is not None}


def check_restriction(plugin: dict[str, Any] | None) -> None:
    if plugin is None:
        return
    lists = [plugin[name] for name in ("whitelist", "blacklist") if name in plugin]
    if len(lists) != 1:
        raise Refusal(400, error_msg=_REFUSED_ENTRY + "value should match only one schema, but matches none")
    if not lists[0]:
        raise Refusal(400, error_msg=_REFUSED_ENTRY + "expect array to have at least 1 items")
    for entry in lists[0]:
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            raise Refusal(400, error_msg=f"{_REFUSED_ENTRY}invalid ip address: {entry}") from None


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with kept connections. Without its two settings each answer would cost 40 ms."""

    gateway: Gateway
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server_version, sys_version = "APISIX/3.9.1", ""

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def handle_request(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        place = urlsplit(self.path)
        if place.path.startswith("/standin/"):
            self._settle(place.path, body)
            return
        key = self.headers.get("X-API-KEY", "")
        fault = self.gateway.chances.fault_for(self.gateway.fault, is_change=self.command != "GET", caller=key)
        time.sleep(fault.get("delay", 0))
        if fault.get("silent"):
            self._wait_for_another(fault)
        if "status" in fault:
            self._say(fault["status"], fault.get("body", ""), fault.get("headers", {}))
            return
        status, said = self._answered(place.path, parse_qs(place.query), body)
        if fault.get("lost") and self.command != "GET":
            status, said = 502, ""
        # If-Match is looked at by the web server before the Admin API, which has already written.
        self._say(412 if self.headers.get("If-Match") else status, said if isinstance(said, str) else json.dumps(said))

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST = handle_request  # noqa: N815  the names that http.server calls

    def _answered(self, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        key = self.headers.get("X-API-KEY") or query.get("api_key", [""])[0]
        if not self.gateway.may(key, self.command):
            return 401, {"error_msg": "failed to check token", "description": "wrong apikey"}
        try:
            return self.gateway.answer(self.command, path, query, body)
        except Refusal as refusal:
            return refusal.answer

    def _settle(self, path: str, body: Any) -> None:
        if path == "/standin/fault":
            self.gateway.fault = body
        elif path == "/standin/meanwhile":
            self.gateway.meanwhile.setdefault(body["route"], []).append(body["address"])
        elif path == "/standin/key":
            self.gateway.keys[body["key"]] = body["role"]
        elif path == "/standin/met":
            self._say(200, json.dumps(self.gateway.chances.told()))
            return
        self._say(204, "")

    def _say(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def _wait_for_another(self, fault: dict[str, Any]) -> None:
        until = time.monotonic() + _SILENT_AT_MOST
        while self.gateway.fault is fault and time.monotonic() < until:
            time.sleep(0.05)


def end_with_standard_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serve until standard input ends."""
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    authority = trustme.CA()
    Handler.gateway = Gateway({})
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "gateway.example.com").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    started = {"port": server.server_port, "authority": authority.cert_pem.bytes().decode()}
    sys.stdout.write(json.dumps(started) + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
