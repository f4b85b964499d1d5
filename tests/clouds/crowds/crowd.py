"""What a crowd of processes is told: whom to ask, about what, with which rules."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from api.clouds import CLOUDS, Endpoints, Target
from tests.clouds.crowds.plan import rules
from tests.clouds.crowds.rows import Row
from tests.clouds.crowds.writer import Writer


@dataclass(frozen=True)
class Crowd:
    """What a crowd is told."""

    cloud: str
    secrets: dict[str, str]
    endpoints: dict[str, Any]
    target: list[str]
    folder: str
    seed: int
    operations: int
    have_ports: bool
    one_at_a_time: bool
    """The cloud needs one writer of a target at a time."""

    def writer(self) -> Writer:
        """With a connection of its own."""
        ca_bundle = self.endpoints.get("ca_bundle")
        endpoints = Endpoints(
            **{
                **self.endpoints,
                "ca_bundle": Path(ca_bundle) if ca_bundle else None,
                "may_be_called": lambda address: address.is_loopback,
            }
        )
        folder = Path(self.folder)
        rows = [Row(folder, number, rule) for number, rule in enumerate(rules(self.seed, have_ports=self.have_ports))]
        region, identifier, resource_type = self.target
        target = Target(region or None, identifier, resource_type)
        connection = CLOUDS[self.cloud].connect(self.secrets, endpoints)
        return Writer(connection, target, rows, folder / "target" if self.one_at_a_time else None)

    def told(self) -> str:
        return json.dumps(asdict(self))


def written(endpoints: Endpoints) -> dict[str, Any]:
    """Endpoints as a crowd is told of them, with time for calls on a machine that has much else to do."""
    given = {each.name: getattr(endpoints, each.name) for each in fields(endpoints) if each.name != "may_be_called"}
    patient = {"connect_seconds": 10.0, "read_seconds": 30.0}
    return {name: str(value) if isinstance(value, Path) else value for name, value in given.items()} | patient
