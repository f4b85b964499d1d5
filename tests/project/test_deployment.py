"""docker-compose.yml: what each container may do, and that no secret stands in it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ["migrate", "api", "worker"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_as_little_as_possible(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service["user"].startswith("0")
    assert "cap_add" not in service
    assert "privileged" not in service


@pytest.mark.parametrize("name", OURS)
def test_secrets_are_files(name: str) -> None:
    environment = SERVICES[name]["environment"]
    secret = {"DATABASE_URL", "REDIS_URL", "JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET", "KEY_RING"}

    assert {f"ENTRYGUARD_{setting}_FILE" for setting in secret} <= set(environment)
    assert not {f"ENTRYGUARD_{setting}" for setting in secret} & set(environment)


def test_only_the_proxy_can_be_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["caddy"]


def test_only_proxy_and_worker_can_call_out() -> None:
    inner = {name for name, network in COMPOSE["networks"].items() if network.get("internal")}

    assert [name for name, service in SERVICES.items() if set(service["networks"]) - inner] == ["worker", "caddy"]


def test_valkey_evicts_nothing() -> None:
    assert "--maxmemory-policy noeviction" in SERVICES["valkey"]["command"]
