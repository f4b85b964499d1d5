"""Start the Google Cloud stand-in and fill it: projects, networks, service accounts. Knows nothing of pytest.

`python -m tests.clouds.gcp_standin` starts one by hand and shows how to use it.
"""

import json
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from api.clouds import CLOUDS, Endpoints, Target

SERVICES = ("token", "resource_manager", "compute", "operations")
SEE_NETWORKS = ("compute.networks.get", "compute.networks.list")
REQUIRED = CLOUDS["GCP"].permissions
# What roles/compute.securityAdmin has of all that is asked for.
SECURITY_ADMIN = (*REQUIRED, *SEE_NETWORKS)
VIEWER = ("compute.firewalls.list", "compute.firewalls.get", *SEE_NETWORKS)

_ROOT = Path(__file__).parents[2]
_END_SECONDS = 10
# What differs between two looks at the same rule.
_PASSING = ("id", "creationTimestamp")


@dataclass(frozen=True, slots=True)
class Fault:
    """What the stand-in does instead of answering. Made by the functions below."""

    settings: Mapping[str, Any]


def answering(status: int, reason: str, message: str = "x", *, services: Collection[str] = ("compute",)) -> Fault:
    """An error of Google's, for every call of these of `SERVICES`."""
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    return answering_as_is(status, json.dumps({"error": error}), services=services)


def answering_token(status: int, error: str, description: str = "x") -> Fault:
    """An error of the token endpoint."""
    body = json.dumps({"error": error, "error_description": description})
    return answering_as_is(status, body, services=["token"])


def answering_as_is(
    status: int,
    body: str,
    *,
    services: Collection[str] = SERVICES,
    headers: Mapping[str, str] | None = None,
) -> Fault:
    """These very words, whatever is asked: a proxy's page, say."""
    return Fault({"status": status, "body": body, "services": list(services), "headers": dict(headers or {})})


def silent() -> Fault:
    """Takes requests and does not answer."""
    return Fault({"silent": True})


def slow(seconds: float) -> Fault:
    return Fault({"delay": seconds})


def losing_answers(*, once: bool = False) -> Fault:
    """Makes the changes that it is asked for, and hangs up."""
    return Fault({"lost": True, "once": once})


def with_another_clock(seconds: float) -> Fault:
    """Its clock differs from this machine's."""
    return Fault({"clock_seconds": seconds})


class GcpStandIn:
    """A running stand-in. Ends with `stop()`, with the `with` statement, or with the process that started it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.clouds.gcp_server"],
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
            raise RuntimeError("the Google stand-in did not start: run `python -m tests.clouds.gcp_server` to see why")
        started = json.loads(line)
        self._folder = tempfile.TemporaryDirectory(prefix="eg-gcp-")
        self.authority = Path(self._folder.name) / "authority.pem"
        self.authority.write_text(started["authority"], encoding="ascii")
        trusted = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.authority))
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trusted)
        self.url = f"https://127.0.0.1:{started['port']}"
        self._numbers = count(1)
        # Making one takes a while; which account a key is of is told by its id.
        self._key, self._another_key = _new_key(), _new_key()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a server that takes this for Google."""
        return {
            "ENTRYGUARD_GCP_TOKEN_URL": f"{self.url}/token",
            "ENTRYGUARD_GCP_COMPUTE_URL": self.url,
            "ENTRYGUARD_GCP_RESOURCE_MANAGER_URL": self.url,
            "ENTRYGUARD_CA_BUNDLE": str(self.authority),
        }

    def endpoints(self, connect_seconds: float = 3.0, read_seconds: float = 3.0) -> Endpoints:
        """The same, as the adapter takes it."""
        return Endpoints(
            gcp_token=f"{self.url}/token",
            gcp_compute=self.url,
            gcp_resource_manager=self.url,
            ca_bundle=self.authority,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
        )

    def stop(self) -> None:
        """End the process, by its id. May be called again."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        self._process.wait(_END_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def project(self) -> "GcpProject":
        """A new project, with the network `default` and room for 100 firewall rules."""
        name = f"project-{next(self._numbers)}"
        self.settle("project", {"name": name})
        self.settle("network", {"project": name, "names": ["default"]})
        return GcpProject(self, name)

    def credential_data(self, project: str, permissions: Collection[str]) -> dict[str, str]:
        """The key file of a new service account in a project."""
        number = next(self._numbers)
        data = {
            "type": "service_account",
            "project_id": project,
            "private_key_id": f"{number:040x}",
            "private_key": _private(self._key),
            "client_email": f"entryguard-{number}@{project}.iam.example.com",
            "client_id": str(number),
        }
        self.keep_account(data, permissions)
        return data

    def keep_account(self, data: Mapping[str, str], permissions: Collection[str], state: str = "there") -> None:
        """Make an account be as described; `state` is there, disabled or deleted."""
        keys = {data["private_key_id"]: _public(self._key)} if state == "there" else {}
        about = {"email": data["client_email"], "project": data["project_id"], "keys": keys, "state": state}
        self.settle("account", about | {"permissions": list(permissions)})

    def with_another_key(self, data: Mapping[str, str]) -> dict[str, str]:
        """The key file with a key that is not the account's."""
        return {**data, "private_key": _private(self._another_key)}

    @property
    def calls(self) -> list[str]:
        """Every call so far, as in `POST /token`, with its query."""
        return list(self.settle("", None)["calls"])

    @contextmanager
    def faulty(self, fault: Fault) -> Iterator[None]:
        """The fault, for as long as the `with` statement lasts."""
        self.settle("fault", dict(fault.settings))
        try:
            yield
        finally:
            self.settle("fault", {})

    def forget_tokens(self) -> None:
        """No token that was given is taken any more."""
        self.settle("forget_tokens", None)

    def settle(self, what: str, said: object) -> Any:
        """Have the stand-in do what Google has no call for."""
        request = urllib.request.Request(f"{self.url}/standin/{what}", json.dumps(said).encode())  # noqa: S310
        with self._opener.open(request, timeout=_END_SECONDS) as answer:
            return json.load(answer)


class GcpProject:
    """A project in the stand-in, and what a person does there."""

    def __init__(self, google: GcpStandIn, name: str) -> None:
        self.google = google
        self.name = name
        self._numbers = count(1)

    def credential_data(self, permissions: Collection[str] = SECURITY_ADMIN) -> dict[str, str]:
        return self.google.credential_data(self.name, permissions)

    def target(self) -> Target:
        """A new network."""
        name = f"network-{next(self._numbers)}"
        self.add_networks(name)
        return Target(None, name, "FIREWALL")

    def add_networks(self, *names: str) -> None:
        self.google.settle("network", {"project": self.name, "names": names})

    def add_foreign(self, target: Target, address: str, **changes: object) -> str:
        """A firewall rule made by somebody else, for TCP on port 443 unless `changes` say otherwise; its name."""
        name = f"office-{next(self._numbers)}"
        firewall = {
            "name": name,
            "network": f"global/networks/{target.identifier}",
            "sourceRanges": [address],
            "allowed": [{"IPProtocol": "tcp", "ports": ["443"]}],
        }
        self.does("insert", {key: value for key, value in (firewall | changes).items() if value is not None})
        return name

    def does(self, what: str, *arguments: object) -> Any:
        """A change by a person: insert(body), patch(name, body), delete(name)."""
        return self.google.settle("person", {"project": self.name, "does": what, "arguments": arguments})

    def set(self, **values: object) -> None:
        """quota, billed, services, firewalls, operation_seconds, operation_error, as `gcp_compute.Project` has them."""
        self.google.settle("set", {"project": self.name, "values": values})

    def firewalls(self) -> dict[str, dict[str, Any]]:
        """Every firewall rule, by its name."""
        found: dict[str, dict[str, Any]] = self.google.settle("firewalls", {"project": self.name})
        return found

    def everything(self, target: Target) -> str:
        """All rules on a network as one text to compare."""
        here = [rule for rule in self.firewalls().values() if rule["network"].endswith(f"/{target.identifier}")]
        shown = [{key: value for key, value in rule.items() if key not in _PASSING} for rule in here]
        return json.dumps(sorted(json.dumps(rule, sort_keys=True) for rule in shown))


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _private(key: rsa.RSAPrivateKey) -> str:
    pem = serialization.Encoding.PEM
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def _public(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def main() -> None:
    """A stand-in with one project, network and service account, until Enter is pressed."""
    with GcpStandIn() as google:
        project = google.project()
        lines = [f"{name}={value}" for name, value in google.settings.items()]
        data, network = project.credential_data(), project.target().identifier
        lines += [f"network {network} in {project.name}; credentialData:", json.dumps(data, indent=2)]
        sys.stdout.write("\n".join([*lines, "Enter ends it.\n"]))
        sys.stdout.flush()
        sys.stdin.readline()


if __name__ == "__main__":
    main()
