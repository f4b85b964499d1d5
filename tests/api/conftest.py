"""The API as its callers meet it: the whole application over a fresh database of each kind and a real Valkey."""

import base64
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import flask
import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from api import notify
from api.accounts import passwords
from api.accounts import service as accounts
from api.accounts.models import User
from api.app import create_app
from api.key_ring import KeyRing
from api.limit_table import DEFAULTS
from api.secret import Secret
from api.server import Server
from api.settings import Settings
from api.start import check_key_ring
from api.vault import Vault
from api.wait import WaitingRoom
from tests.proof.neighbours.redis_faults import given_valkey
from tests.served_api import NO_REDIS
from tests.valkey_server import ValkeyServer

BASE = "/api/v1"
PASSWORD = "correct horse battery staple"
# So high that no other test meets them; those about limits set their own.
HIGH_LIMITS = ";".join(f"{name}=1000000/minute" for name in DEFAULTS)


def random_key() -> str:
    return base64.b64encode(os.urandom(48)).decode()


_KEYS = {f"ENTRYGUARD_{name}": random_key() for name in ("JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET")}
# Thousands of tests sign somebody in: production's parameters would take a good part of their time.
QUICK_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_apps: dict[frozenset[tuple[str, str]], flask.Flask] = {}
# There are few settings that many tests share.
_MOST_APPS = 4


@pytest.fixture(scope="session")
def valkey(pytestconfig: pytest.Config) -> Iterator[ValkeyServer]:
    """A Valkey that all tests of the session share: nothing that matters is in it."""
    with given_valkey(pytestconfig) as server:
        yield server


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> str:
    """Where the application looks for Redis."""
    if request.config.getoption("in_process"):
        return NO_REDIS
    server: ValkeyServer = request.getfixturevalue("valkey")
    return server.url


@pytest.fixture
def environment(db: str, key_ring_text: str, redis_url: str) -> dict[str, str]:
    """The settings of a server, as an operator would set them; a test may add its own before it asks for `app`."""
    return {
        "ENTRYGUARD_DATABASE_URL": db,
        "ENTRYGUARD_REDIS_URL": redis_url,
        "ENTRYGUARD_KEY_RING": key_ring_text,
        "ENTRYGUARD_RATE_LIMITS": HIGH_LIMITS,
        **_KEYS,
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return Settings.from_environment(environment)


@pytest.fixture
def vault(settings: Settings) -> Vault:
    assert settings.key_ring is not None
    ring = KeyRing.parse(settings.key_ring)
    check_key_ring(ring)
    return Vault(ring)


@pytest.fixture
def app(environment: dict[str, str], settings: Settings, vault: Vault) -> flask.Flask:
    """The application as production has it: Flask's testing mode would change what errors look like."""
    notify.use(settings.redis_url)
    return shared_app(environment, settings, vault)


def shared_app(environment: dict[str, str], settings: Settings, vault: Vault) -> flask.Flask:
    """To join its parts takes longer than most tests do: only what is a test's own is put in anew."""
    shared = frozenset(environment.items() - _own(environment).items())
    if shared not in _apps:
        if len(_apps) == _MOST_APPS:
            _apps.pop(next(iter(_apps)))
        _apps[shared] = create_app(settings, vault, threads=4)
    Server(settings, vault, WaitingRoom(2)).attach(_apps[shared])
    return _apps[shared]


@pytest.fixture
def own_app(settings: Settings, vault: Vault) -> flask.Flask:
    """An application that nobody shares: for a test that changes it."""
    notify.use(settings.redis_url)
    return create_app(settings, vault, threads=4)


def _own(environment: dict[str, str]) -> dict[str, str]:
    """The settings that differ between any two tests."""
    return {name: environment[name] for name in ("ENTRYGUARD_DATABASE_URL", "ENTRYGUARD_KEY_RING")}


@pytest.fixture(autouse=True)
def _quick_passwords(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("strong_passwords") is None:
            patch.setattr(passwords, "_HASHER", QUICK_HASHER)
        yield


@pytest.fixture
def client(app: flask.Flask) -> FlaskClient:
    """A caller without a name."""
    return app.test_client()


@dataclass(frozen=True)
class Caller:
    """Somebody who has signed in: asks under /api/v1 as that user."""

    client: FlaskClient
    user: User
    token: str

    def ask(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.client.open(f"{BASE}{path}", method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.ask("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> Any:
        return self.ask("POST", path, json=json, **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> Any:
        return self.ask("PATCH", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self.ask("DELETE", path, **options)


@pytest.fixture
def admin(client: FlaskClient) -> Caller:
    """The administrator of an organisation."""
    return sign_in(client, accounts.add_administrator("ada@example.com", Secret.of_text(PASSWORD), "Acme", "PAID"))


@pytest.fixture
def outsider(client: FlaskClient) -> Caller:
    """The administrator of another organisation."""
    return sign_in(client, accounts.add_administrator("eve@example.org", Secret.of_text(PASSWORD), "Other", "PAID"))


@pytest.fixture
def user(client: FlaskClient, admin: Caller) -> Caller:
    """Somebody in the administrator's organisation who administers nothing."""
    body = {"email": "uma@example.com", "name": "Uma", "role": "USER", "password": PASSWORD}
    created = admin.post("/users", json=body)
    assert created.status_code == 201, created.json
    return sign_in(client, User.get_by_id(created.json["id"]))


def sign_in(client: FlaskClient, user: User) -> Caller:
    answer = client.post(f"{BASE}/auth/login", json={"email": user.email, "password": PASSWORD})
    assert answer.status_code == 200 and answer.json, answer.text
    return Caller(client, user, answer.json["accessToken"])


def unknown_id() -> str:
    """An id that names nothing."""
    return str(uuid.uuid4())
