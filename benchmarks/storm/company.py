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
    """key: the header of its own key, which may do everything. resources: one for each target, by its number."""

    key: dict[str, str]
    callers: Sequence[Caller]
    resources: Mapping[int, str]


def from_address(address: str) -> dict[str, str]:
    """The header in which the one trusted proxy tells where a request comes from."""
    return {"X-Forwarded-For": address}


def founded(send: Send, landscape: Landscape, callers: int) -> Company:
    """Make it, and have its resources verified."""
    with connection():
        people, key, made = _people(callers)
    everything = {"X-API-Key": key} | from_address(_OFFICE)
    resources = _resources(_asking(send, everything), landscape.spots, people)
    for caller in made:
        if caller.email:
            caller.sign_in(send)
    return Company(everything, made, resources)


def _people(callers: int) -> tuple[list[uuid.UUID], str, list[Caller]]:
    """The ids of the people, the company's own key, and the callers."""
    accounts.add_administrator("ada@example.com", Secret.of_text(_PASSWORD), "Acme", "PAID")
    organisation = Organisation.get()
    founder = dataclasses.replace(Actor.system(None), organisation_id=organisation.id)
    password_hash = passwords.hashed(Secret.of_text(_PASSWORD))
    people, made = [], []
    for number, kind in zip(range(callers), itertools.cycle(range(4)), strict=False):
        if kind not in (_WITH_TOKENS, _WITH_KEYS):
            made.append(_with_key(founder, f"CI {number}", api_keys.ORGANIZATION))
            continue
        email = f"person-{number}@example.com"
        with write():
            wanted = users.NewUser(email, f"Person {number}", Secret.of_text(_PASSWORD))
            person = users.add(founder, wanted, password_hash, uuid.uuid4())
        people.append(person.id)
        acting = dataclasses.replace(founder, user_id=person.id, role="USER")
        made.append(Caller({}, email) if kind == _WITH_TOKENS else _with_key(acting, f"laptop {number}", api_keys.USER))
    return people, _with_key(founder, "setup", api_keys.ORGANIZATION).headers["X-API-Key"], made


def _with_key(actor: Actor, name: str, belongs_to: str) -> Caller:
    wanted = api_keys.NewApiKey(name, sorted(SCOPES), belongs_to=belongs_to)
    return Caller({"X-API-Key": api_keys.create(actor, wanted).plain_text})


def _asking(send: Send, headers: Mapping[str, str]) -> Callable[..., Any]:
    def ask(method: str, path: str, body: Any = None) -> Any:
        status, said = send(method, path, body, headers)
        if status >= 300:
            raise NotDone(f"{method} {path}: {status} {said}")
        return said

    return ask


def _resources(ask: Callable[..., Any], spots: Sequence[Spot], people: Sequence[uuid.UUID]) -> dict[int, str]:
    """The resources of all targets, active, and in a role that all people have."""
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
    for person in people:
        ask("PUT", f"/roles/{role}/users/{person}")
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
