"""What the user's command opens: groups of the AWS stand-in that a real server knows, and who may open them."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clouds.aws_standin import REGION, AwsStandIn
from tests.eventually import eventually
from tests.pulumi_entryguard.real_server import RealServer

PASSWORD = "correct horse battery"
HERE = "127.0.0.1/32"


@dataclass(frozen=True, slots=True)
class Door:
    """A resource, and the security group that it is."""

    id: str
    name: str
    group: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a password, who may open what a role gives them."""

    id: str
    email: str


class Doors:
    """Makes resources, and looks into the cloud whether they are open."""

    def __init__(self, real: RealServer, aws: AwsStandIn) -> None:
        self._real, self._aws = real, aws
        wanted = {"name": "doors", "provider": "AWS", "credentialType": "ACCESS_KEY"}
        made = self._ask("POST", "/credentials", wanted | {"credentialData": aws.user().credential_data})
        self._credential = str(made["id"])
        self._pipelines = str(self._ask("POST", "/roles", {"name": f"pipelines {uuid.uuid4()}"})["id"])
        self._ask("POST", f"/credentials/{self._credential}/verify?wait=true")

    def door(self, name: str | None = None) -> Door:
        """A resource that is active."""
        group = self._aws.security_group()
        made = self._made(name, group)
        self._ask("POST", f"/resources/{made.id}/verify")
        return made

    def wall(self) -> Door:
        """A resource that is nowhere in the cloud."""
        made = self._made(None, "sg-00000000000000000")
        assert eventually(lambda: bool(self._real.shown("resources", made.id)["verificationError"]))
        return made

    def let_in(self, door: Door) -> list[str]:
        """Who is let in by the security group, as the cloud tells it."""
        found = self._aws.ec2().describe_security_groups(GroupIds=[door.group])["SecurityGroups"][0]
        return [entry["CidrIp"] for rule in found["IpPermissions"] for entry in rule["IpRanges"]]

    def is_closed_soon(self, door: Door) -> bool:
        return eventually(lambda: not self.let_in(door))

    def person(self, *doors: Door) -> Person:
        """A plain user whose role names these doors."""
        email = f"{uuid.uuid4()}@example.com"
        person = self._ask("POST", "/users", {"email": email, "name": "Ana", "password": PASSWORD, "role": "USER"})
        role = self._ask("POST", "/roles", {"name": str(uuid.uuid4())})
        for door in doors:
            self._ask("PUT", f"/roles/{role['id']}/resources/{door.id}")
        self._ask("PUT", f"/roles/{role['id']}/users/{person['id']}")
        return Person(str(person["id"]), email)

    def key(self, belongs_to: str = "ORGANIZATION") -> dict[str, str]:
        """The environment of a pipeline with a key of its own, which may open every door; or of the administrator."""
        wanted = {"name": str(uuid.uuid4()), "scopes": ["sessions:read", "sessions:write"], "belongsTo": belongs_to}
        made = self._ask("POST", "/api-keys", wanted)
        if belongs_to == "ORGANIZATION":
            self._ask("PUT", f"/roles/{self._pipelines}/api-keys/{made['id']}")
        return {"ENTRYGUARD_ENDPOINT": self._real.url, "ENTRYGUARD_API_KEY": str(made["plainTextKey"])}

    def session(self, session_id: str) -> dict[str, Any]:
        return self._real.shown("sessions", session_id)

    def _made(self, name: str | None, group: str) -> Door:
        wanted = {
            "name": name or f"door {uuid.uuid4()}",
            "provider": "AWS",
            "credentialId": self._credential,
            "resourceType": "SECURITY_GROUP",
            "resourceIdentifier": group,
            "region": REGION,
            "config": {"port": 443, "protocol": "tcp"},
        }
        made = self._ask("POST", "/resources", wanted)
        self._ask("PUT", f"/roles/{self._pipelines}/resources/{made['id']}")
        return Door(str(made["id"]), str(made["name"]), group)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answered: dict[str, Any] = self._real.administrator.ask(method, path, body)
        return answered


def at_home(folder: Path, endpoint: str) -> dict[str, str]:
    """The environment of somebody who keeps their login in this folder."""
    return {"XDG_CONFIG_HOME": str(folder), "ENTRYGUARD_ENDPOINT": endpoint}
