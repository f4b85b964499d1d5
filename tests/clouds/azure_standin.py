"""Start the Azure stand-in and fill it: service principals, roles, network security groups. Knows nothing of pytest.

`python -m tests.clouds.azure_standin` starts one by hand and shows how to use it.
"""

import json
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import requests

from api.clouds import CLOUDS, Target
from api.clouds.rules import Rule
from tests.clouds.azure_faults import Fault

NETWORK_CONTRIBUTOR = ("Microsoft.Authorization/*/read", "Microsoft.Network/*")
LEAST_PRIVILEGE = CLOUDS["AZURE"].permissions
LOOK, LOOK_AT_RULES, WRITE, DELETE, ASK = LEAST_PRIVILEGE

_ROOT = Path(__file__).parents[2]
_END_SECONDS = 10
_VERSION = {"api-version": "2026-03-01"}


@dataclass(frozen=True, slots=True)
class Principal:
    """An application with one secret, and what its roles permit."""

    tenant: str
    client: str
    subscription: str
    secret: str = field(repr=False)

    @property
    def credential_data(self) -> dict[str, str]:
        """The principal as `credentialData` has it."""
        return {
            "subscriptionId": self.subscription,
            "tenantId": self.tenant,
            "clientId": self.client,
            "clientSecret": self.secret,
        }


class AzureStandIn:
    """A running stand-in. Ends with `stop()`, with the `with` statement, or with the process that started it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.clouds.azure_server"],
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
            raise RuntimeError("the Azure stand-in did not start: run python -m tests.clouds.azure_server to see why")
        started = json.loads(line)
        self.authority: str = started["entra"]
        self.resource_manager: str = started["arm"]
        self._folder = tempfile.TemporaryDirectory(prefix="azure-")
        self.ca_bundle = Path(self._folder.name) / "authority.pem"
        self.ca_bundle.write_text(started["authority"])
        self._owner = requests.Session()
        self._owner.trust_env = False
        self._owner.verify = str(self.ca_bundle)
        self._owner.headers["Authorization"] = f"Bearer {started['owner']}"
        self.tenant = str(uuid.uuid4())
        self.subscription = self.new_subscription()

    @property
    def settings(self) -> dict[str, str]:
        """A server's settings that lead here, as the environment has them."""
        return {
            "ENTRYGUARD_AZURE_AUTHORITY_URL": self.authority,
            "ENTRYGUARD_AZURE_RESOURCE_MANAGER_URL": self.resource_manager,
            "ENTRYGUARD_CA_BUNDLE": str(self.ca_bundle),
        }

    @property
    def calls(self) -> list[str]:
        """What was called so far, without what a test does itself: `entra POST /…`, `arm GET /…`."""
        calls: list[str] = self._settle("calls", {})
        return calls

    def met(self) -> dict[str, Any]:
        """How many calls have met which fault by chance, and what was done late, as `Chances` tells it."""
        told: dict[str, Any] = self._settle("met", {})
        return told

    def stop(self) -> None:
        """End the process, by its id. May be called again."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        self._process.wait(_END_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._owner.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def new_subscription(self, tenant: str | None = None) -> str:
        """The id of a new subscription, of this tenant or else of the one that all principals are in."""
        subscription = str(uuid.uuid4())
        self._settle("subscription", {"subscription": subscription, "tenant": tenant or self.tenant})
        return subscription

    def principal(
        self,
        permissions: Iterable[str] | None = NETWORK_CONTRIBUTOR,
        *,
        without: Iterable[str] = (),
        scopes: Sequence[str] | None = None,
        subscription: str | None = None,
        secret: str | None = None,
    ) -> Principal:
        """A new service principal whose roles permit this on these scopes: the subscription unless some are named."""
        made = Principal(
            self.tenant,
            str(uuid.uuid4()),
            subscription or self.subscription,
            secret or f"Q~{uuid.uuid4()}",
        )
        self.give(made, permissions, without=without, scopes=scopes)
        return made

    def give(
        self,
        principal: Principal,
        permissions: Iterable[str] | None,
        *,
        without: Iterable[str] = (),
        scopes: Sequence[str] | None = None,
        **more: Any,
    ) -> None:
        """Replace a principal's roles, and with `more` its `secrets` and the `error` that it is refused with."""
        scopes = scopes if scopes is not None else [f"/subscriptions/{principal.subscription}"]
        actions, other = list(permissions or ()), list(without)
        roles = [{"scope": scope, "actions": actions, "notActions": other} for scope in scopes] if actions else []
        known = {"client": principal.client, "tenant": principal.tenant, "secrets": {principal.secret: "good"}}
        self._settle("application", known | {"roles": roles} | more)

    def credential_data(self, permissions: Iterable[str] | None = NETWORK_CONTRIBUTOR) -> dict[str, str]:
        """A new principal as `credentialData` has it."""
        return self.principal(permissions).credential_data

    def group(
        self, name: str | None = None, resource_group: str = "production", subscription: str | None = None
    ) -> str:
        """The id of a new network security group."""
        identifier = self.no_group(name, resource_group, subscription)
        self._settle("group", {"id": identifier, "location": "westeurope"})
        return identifier

    def no_group(
        self, name: str | None = None, resource_group: str = "production", subscription: str | None = None
    ) -> str:
        """The id of a group that is not there."""
        return (
            f"/subscriptions/{subscription or self.subscription}/resourceGroups/{resource_group}"
            f"/providers/Microsoft.Network/networkSecurityGroups/{name or f'gateway-{uuid.uuid4().hex[:12]}'}"
        )

    def delete_group(self, identifier: str) -> None:
        self._settle("no-group", {"id": identifier})

    def target(self) -> Target:
        """A new group, ready for rules."""
        return as_target(self.group())

    def add_foreign(self, target: Target, rule: Rule, name: str = "", **changes: Any) -> None:
        """A rule of a person that does the same, but for `changes`: on a free priority unless one is named."""
        several = [str(ports) for ports in rule.ports]
        ports = {"destinationPortRanges": several} if several else {"destinationPortRange": "*"}
        body = {
            "protocol": rule.protocol.value.title(),
            "sourceAddressPrefix": str(rule.address),
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            **ports,
            "access": "Allow",
            "direction": "Inbound",
            "priority": self.free_priority(target, 200),
            "description": "the office",
        }
        self.write(target, name or f"office-{uuid.uuid4().hex[:8]}", body | changes)

    def free_priority(self, target: Target, first: int) -> int:
        taken = {each["properties"]["priority"] for each in self.rules(target)}
        return next(priority for priority in range(first, 4096) if priority not in taken)

    def write(self, target: Target, name: str, properties: Mapping[str, Any]) -> None:
        """A person writes a rule."""
        self._ask("PUT", f"{target.identifier}/securityRules/{name}", {"properties": dict(properties)})

    def change(self, target: Target, name: str, **changes: Any) -> None:
        """A person changes some of a rule. None takes a value away."""
        rule = next(each["properties"] for each in self.rules(target) if each["name"] == name)
        self.write(target, name, {key: value for key, value in (rule | changes).items() if value is not None})

    def remove(self, target: Target, name: str) -> None:
        """A person removes a rule."""
        self._ask("DELETE", f"{target.identifier}/securityRules/{name}")

    def fill(self, target: Target, rules: int = 1000, *, first: int = 100, **changes: Any) -> None:
        """Rules of somebody else, on one priority after the other."""
        base = {
            "protocol": "Tcp",
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRange": "22",
            "access": "Allow",
            "direction": "Inbound",
        }
        many = [
            base | {"name": f"full-{n}", "sourceAddressPrefix": f"198.51.{n // 256}.{n % 256}", "priority": first + n}
            for n in range(rules)
        ]
        self._settle("rules", {"id": target.identifier, "rules": [each | changes for each in many]})

    def rules(self, target: Target) -> list[dict[str, Any]]:
        """The rules of a group, as Azure shows them."""
        rules: list[dict[str, Any]] = self._ask("GET", f"{target.identifier}/securityRules").json()["value"]
        return rules

    def everything(self, target: Target) -> str:
        """All rules of a group with their etags, as one text to compare."""
        return json.dumps(self.rules(target), sort_keys=True)

    @contextmanager
    def faulty(self, fault: Fault) -> Iterator[None]:
        """The fault, for as long as the `with` statement lasts."""
        self._settle("fault", dict(fault.settings))
        try:
            yield
        finally:
            self._settle("fault", {})

    def _ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Ask Resource Manager as a person with every right."""
        url = self.resource_manager + path
        answer = self._owner.request(method, url, params=_VERSION, json=body, timeout=_END_SECONDS)
        answer.raise_for_status()
        return answer

    def _settle(self, what: str, body: Mapping[str, Any]) -> Any:
        answer = self._owner.put(f"{self.resource_manager}/standin/{what}", json=body, timeout=_END_SECONDS)
        answer.raise_for_status()
        return answer.json()


def as_target(identifier: str) -> Target:
    return Target(None, identifier, "NETWORK_SECURITY_GROUP")


def main() -> None:
    """A stand-in with one principal and one group, until Enter is pressed."""
    with AzureStandIn() as azure:
        settings = "".join(f"{name}={value}\n" for name, value in azure.settings.items())
        data = "".join(f"{name:14} {value}\n" for name, value in azure.credential_data().items())
        sys.stdout.write(f"{settings}{data}group {azure.group('gateway')}\nEnter ends it.\n")
        sys.stdout.flush()
        sys.stdin.readline()


if __name__ == "__main__":
    main()
