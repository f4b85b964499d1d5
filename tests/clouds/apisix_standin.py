"""Start the APISIX stand-in and fill it: keys, routes. Knows nothing of pytest.

`python -m tests.clouds.apisix_standin` starts one by hand and shows how to use it.
"""

import json
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import requests

_ROOT = Path(__file__).parents[2]
_END_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """What the stand-in does instead of answering. Made by the functions below."""

    settings: Mapping[str, Any]


def answering(status: int, body: str = "{}", **headers: str) -> Fault:
    """These very words, whatever is asked."""
    return Fault({"status": status, "body": body, "headers": headers})


def silent() -> Fault:
    return Fault({"silent": True})


def losing_answers() -> Fault:
    """Does what it is asked to change, and fails to say so."""
    return Fault({"lost": True})


def slow_writes(seconds: float) -> Fault:
    """Takes so long between reading and writing a route that somebody else may come between."""
    return Fault({"slow_write": seconds})


def racing(addresses: Sequence[str]) -> Fault:
    """Somebody else adds these, one whenever a route is being written: after it was read, before it is written."""
    return Fault({"racing": list(addresses)})


class ApisixStandIn:
    """A running gateway. Ends with `stop()`, with the `with` statement, or with the process that started it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.clouds.apisix_server"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if self._process.stdout is None:
            raise RuntimeError("the stand-in's output is not connected")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the APISIX stand-in did not start: run python -m tests.clouds.apisix_server to see why")
        started = json.loads(line)
        self.port: int = started["port"]
        self.url = f"https://127.0.0.1:{self.port}"
        self._folder = tempfile.TemporaryDirectory(prefix="apisix-")
        self.ca_bundle = Path(self._folder.name) / "authority.pem"
        self.ca_bundle.write_text(started["authority"])
        self._person = requests.Session()
        self._person.trust_env = False
        self._person.verify = str(self.ca_bundle)
        self._person.headers["X-API-KEY"] = self.key()

    def stop(self) -> None:
        """End the process, by its id. May be called again."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        self._process.wait(_END_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._person.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def key(self, role: str = "admin", name: str = "") -> str:
        """A new key of the Admin API; the roles are admin and viewer."""
        key = f"{name or role}-{uuid.uuid4()}"
        self._settle("key", {"key": key, "role": role})
        return key

    def credential_data(self, role: str = "admin") -> dict[str, str]:
        """A new key as `credentialData` has it."""
        return {"apiUrl": self.url, "apiKey": self.key(role)}

    def route(self, whitelist: Sequence[str] = ("198.51.100.7",), **others: Any) -> str:
        """The id of a new route with this whitelist."""
        return self.bare_route(**{"plugins": {"ip-restriction": {"whitelist": list(whitelist)}}, **others})

    def bare_route(self, **value: Any) -> str:
        """The id of a new route that holds these things only."""
        name = f"route-{uuid.uuid4()}"
        self.ask("PUT", name, {"uri": "/orders", "name": "orders", "desc": "The orders", **value})
        return name

    def whitelist(self, route: str) -> list[str]:
        """What a route lets in, as it was written."""
        entries: list[str] = self.value(route)["plugins"]["ip-restriction"]["whitelist"]
        return entries

    def value(self, route: str) -> dict[str, Any]:
        value: dict[str, Any] = self.ask("GET", route)["value"]
        return value

    def let_in(self, route: str, address: str) -> None:
        """A person adds an address to a route."""
        self.write_whitelist(route, [*self.whitelist(route), address])

    def write_whitelist(self, route: str, entries: Sequence[str]) -> None:
        self.ask("PATCH", f"{route}/plugins/ip-restriction/whitelist", list(entries))

    def let_in_meanwhile(self, route: str, address: str) -> None:
        """Somebody else adds an address right after the route is read for the next time."""
        self._settle("meanwhile", {"route": route, "address": address})

    def ask(self, method: str, route: str, body: Any = None) -> Any:
        """Ask the Admin API as a person with every right."""
        answer = self._person.request(
            method, f"{self.url}/apisix/admin/routes/{route}", json=body, timeout=_END_SECONDS
        )
        answer.raise_for_status()
        return answer.json()

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """The fault, for as long as the `with` statement lasts."""
        self._settle("fault", dict(fault.settings))
        try:
            yield
        finally:
            self._settle("fault", {})

    def met(self) -> dict[str, Any]:
        """How many calls have met which fault by chance, as `Chances` tells it."""
        told: dict[str, Any] = self._settle("met", {}).json()
        return told

    def _settle(self, what: str, body: Mapping[str, Any]) -> requests.Response:
        answer = self._person.put(f"{self.url}/standin/{what}", json=body, timeout=_END_SECONDS)
        answer.raise_for_status()
        return answer


def main() -> None:
    """A stand-in with one key and one route, until Enter is pressed."""
    with ApisixStandIn() as apisix:
        data, route = apisix.credential_data(), apisix.route()
        sys.stdout.write(
            f"ENTRYGUARD_CA_BUNDLE={apisix.ca_bundle}\nENTRYGUARD_ALLOWED_PRIVATE_NETWORKS=127.0.0.0/8\n"
            f"apiUrl {data['apiUrl']}\napiKey {data['apiKey']}\nroute  {route}\nEnter ends it.\n"
        )
        sys.stdout.flush()
        sys.stdin.readline()


if __name__ == "__main__":
    main()
