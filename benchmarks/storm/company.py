"""The company whose people open sessions: its credentials and resources, and who calls with what."""

import dataclasses
import itertools
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.access import SCOPES
from api.accounts import passwords
from api.accounts import service as accounts
from api.accounts.models import Organisation
from api.accounts.service import api_keys, users
from api.actor import Actor
from api.database import connection, write
from api.secret import Secret
from benchmarks.storm.landscape import Landscape, Spot
from tests.api.published import CREATE_CREDENTIAL

_PASSWORD = "correct horse battery staple"  # noqa: S105 - of people who do not exist
_OFFICE = "81.2.69.250"
_ACTIVE_SECONDS = 60.0
_WITH_TOKENS, _WITH_KEYS = 0, 1  # of every four callers; the other two are keys of the company

Send = Callable[..., tuple[int, Any]]
"""Sends a request to the API: method, path, body, headers."""


class NotDone(Exception):
    """Something that the run depends on was refused."""


@dataclass(slots=True)
class Caller:
    """A person with a token, or a person's key, or one of the company. email: None for who needs not sign in."""

    headers: dict[str, str]
    email: str | None = None

    def sign_in(self, send: Send) -> None:
        """Have a token."""
        status, body = send("POST", "/auth/login", {"email": self.email, "password": _PASSWORD}, from_address(_OFFICE))
        if status != 200:
            raise NotDone(f"sign in: {status} {body}")
        self.headers = {"Authorization": f"Bearer {body['accessToken']}"}


@dataclass(frozen=True, slots=True)
class Company:
    """key: the header of its administrator's key, which may do all. resources: one for each target, by its number."""

    key: dict[str, str]
    callers: Sequence[Caller]
    resources: Mapping[int, str]


def from_address(address: str) -> dict[str, str]:
    """The header in which the one trusted proxy tells where a request comes from."""
    return {"X-Forwarded-For": address}


def founded(send: Send, landscape: Landscape, callers: int) -> Company:
    """Make it, and have its resources verified."""
    with connection():
        holders, key, made = _people(callers)
    everything = {"X-API-Key": key} | from_address(_OFFICE)
    resources = _resources(_asking(send, everything), landscape.spots, holders)
    for caller in made:
        if caller.email:
            caller.sign_in(send)
    return Company(everything, made, resources)


def _people(callers: int) -> tuple[list[str], str, list[Caller]]:
    """Who is to have the role, as its paths name them; the administrator's key; and the callers."""
    ada = accounts.add_administrator("ada@example.com", Secret.of_text(_PASSWORD), "Acme", "PAID")
    organisation = Organisation.get()
    founder = dataclasses.replace(Actor.system(None), organisation_id=organisation.id)
    password_hash = passwords.hashed(Secret.of_text(_PASSWORD))
    holders, made = [], []
    for number, kind in zip(range(callers), itertools.cycle(range(4)), strict=False):
        if kind not in (_WITH_TOKENS, _WITH_KEYS):
            key = _key(founder, f"CI {number}", api_keys.ORGANIZATION)
            holders.append(f"api-keys/{key.row.id}")
            made.append(_holding(key))
            continue
        email = f"person-{number}@example.com"
        with write():
            wanted = users.NewUser(email, f"Person {number}", Secret.of_text(_PASSWORD))
            person = users.add(founder, wanted, password_hash, uuid.uuid4())
        holders.append(f"users/{person.id}")
        acting = dataclasses.replace(founder, user_id=person.id, role="USER")
        laptop = _key(acting, f"laptop {number}", api_keys.USER) if kind == _WITH_KEYS else None
        made.append(Caller({}, email) if laptop is None else _holding(laptop))
    setup = _key(dataclasses.replace(founder, user_id=ada.id, role=ada.role), "setup", api_keys.USER)
    return holders, setup.plain_text, made


def _key(actor: Actor, name: str, belongs_to: str) -> api_keys.MadeApiKey:
    return api_keys.create(actor, api_keys.NewApiKey(name, sorted(SCOPES), belongs_to=belongs_to))


def _holding(key: api_keys.MadeApiKey) -> Caller:
    return Caller({"X-API-Key": key.plain_text})


def _asking(send: Send, headers: Mapping[str, str]) -> Callable[..., Any]:
    def ask(method: str, path: str, body: Any = None) -> Any:
        status, said = send(method, path, body, headers)
        if status >= 300:
            raise NotDone(f"{method} {path}: {status} {said}")
        return said

    return ask


def _resources(ask: Callable[..., Any], spots: Sequence[Spot], holders: Sequence[str]) -> dict[int, str]:
    """The resources of all targets, active, and in a role that all people and the company's keys have."""
    credentials: dict[int, str] = {}
    for spot in spots:
        if spot.credential not in credentials:
            scene = spots[spot.credential].scene
            body = CREATE_CREDENTIAL[scene.cloud] | {"credentialData": dict(scene.secrets)}
            credentials[spot.credential] = ask("POST", "/credentials", body)["id"]
    resources = {spot.number: _resource(ask, spot, credentials[spot.credential]) for spot in spots}
    role = ask("POST", "/roles", {"name": "On call"})["id"]
    for resource in resources.values():
        ask("PUT", f"/roles/{role}/resources/{resource}")
    for holder in holders:
        ask("PUT", f"/roles/{role}/{holder}")
    until = time.monotonic() + _ACTIVE_SECONDS
    while not all(each["isActive"] for each in ask("GET", "/resources")):
        if time.monotonic() > until:
            raise NotDone("the resources did not become active")
        time.sleep(0.2)
    return resources


def _resource(ask: Callable[..., Any], spot: Spot, credential: str) -> str:
    target = spot.scene.target
    body = {
        "name": f"{spot.scene.cloud} {spot.number}",
        "provider": spot.scene.cloud,
        "resourceType": target.resource_type,
        "resourceIdentifier": target.identifier,
        "credentialId": credential,
    }
    if target.region:
        body["region"] = target.region
    made: str = ask("POST", "/resources", body | ({"config": {"port": 443}} if spot.scene.have_ports else {}))["id"]
    return made
