"""Callers of the accounts' rooms: colleagues, and API keys."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.accounts.models import User
from tests.api.conftest import BASE, PASSWORD, Caller, sign_in

Hire = Callable[..., Caller]
MakeKey = Callable[..., "KeyHolder"]

_numbers = itertools.count(1)


@dataclass(frozen=True)
class KeyHolder:
    """A pipeline with an API key: `made` is what the server answered when it made the key."""

    client: FlaskClient
    made: dict[str, Any]

    def ask(self, method: str, path: str, **options: Any) -> Any:
        headers = {"X-API-Key": self.made["plainTextKey"], **options.pop("headers", {})}
        return self.client.open(f"{BASE}{path}", method=method, headers=headers, **options)


@pytest.fixture
def hire(client: FlaskClient, admin: Caller) -> Hire:
    """Add somebody to the administrator's organisation and sign them in."""

    def add(role: str = "USER", **body: Any) -> Caller:
        email = f"person-{next(_numbers)}@example.com"
        answer = admin.post("/users", {"email": email, "name": "Bo", "password": PASSWORD, "role": role, **body})
        assert answer.status_code == 201, answer.json
        return sign_in(client, User.get_by_id(answer.json["id"]))

    return add


@pytest.fixture
def make_key(client: FlaskClient, admin: Caller) -> MakeKey:
    """Make a key of the administrator's, unless another maker is named."""

    def make(*scopes: str, maker: Any = admin, **body: Any) -> KeyHolder:
        answer = maker.ask("POST", "/api-keys", json={"name": "CI", "scopes": list(scopes), **body})
        assert answer.status_code == 201, answer.json
        return KeyHolder(client, answer.json)

    return make
