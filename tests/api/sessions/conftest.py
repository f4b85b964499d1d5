"""What sessions are made of: resources that can be opened, roles that reach them, and callers from somewhere."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.credentials.models import Credential
from api.database import current_time, write
from api.resources.models import Resource
from api.roles.models import Role, RoleApiKey, RoleResource, RoleUser
from api.sessions import service
from api.sessions.models import Session
from api.targets.models import Grant
from tests.api.conftest import BASE, Caller
from tests.rows import make_credential, make_resource

HOME, ELSEWHERE = "203.0.113.7", "198.51.100.9"
HOME_6 = "2001:db8::7"
SECOND = 1_000_000

MakeRole = Callable[..., Role]


@dataclass(frozen=True)
class Pipeline(Caller):
    """A key of the organisation: `token` is its text, `user` its maker."""

    key_id: uuid.UUID

    def ask(self, method: str, path: str, **options: Any) -> Any:
        headers = {"X-API-Key": self.token, **options.pop("headers", {})}
        return self.client.open(f"{BASE}{path}", method=method, headers=headers, **options)


def make_pipeline(admin: Caller, *scopes: str) -> Pipeline:
    """A new key of the organisation; it may do all with sessions, unless scopes are named."""
    body = {"name": "CI", "scopes": scopes or ("sessions:read", "sessions:write"), "belongsTo": "ORGANIZATION"}
    made = admin.post("/api-keys", json=body).json
    return Pipeline(admin.client, admin.user, made["plainTextKey"], uuid.UUID(made["id"]))


@pytest.fixture
def pipeline(admin: Caller) -> Pipeline:
    """One without a role."""
    return make_pipeline(admin)


@pytest.fixture
def organisation(admin: Caller) -> Organisation:
    found: Organisation = Organisation.get_by_id(admin.user.organisation_id)
    return found


@pytest.fixture
def credential(organisation: Organisation) -> Credential:
    return make_credential(organisation, account="123456789012", is_valid=True)


@pytest.fixture
def resource(credential: Credential) -> Resource:
    """One that can be opened."""
    return openable(credential)


def openable(credential: Credential, **columns: Any) -> Resource:
    return make_resource(credential, **{"is_active": True, "config": {"port": 443}, **columns})


@pytest.fixture
def make_role(organisation: Organisation) -> MakeRole:
    """Makes a role that lets people, and keys of the organisation, open resources."""

    def make(people: list[Caller], resources: list[Resource], hours: int | None = None) -> Role:
        moment = current_time()
        with write():
            role = Role.create(
                organisation_id=organisation.id,
                name=f"role {uuid.uuid4()}",
                max_session_hours=hours,
                created_at=moment,
                updated_at=moment,
            )
            for person in people:
                link = {"organisation_id": organisation.id, "role_id": role.id}
                if isinstance(person, Pipeline):
                    RoleApiKey.create(**link, api_key_id=person.key_id)
                else:
                    RoleUser.create(**link, user_id=person.user.id)
            for resource in resources:
                RoleResource.create(organisation_id=organisation.id, role_id=role.id, resource_id=resource.id)
        return role

    return make


def at(address: str) -> dict[str, Any]:
    """Options of a request that comes from there."""
    return {"environ_base": {"REMOTE_ADDR": address}}


def start(caller: Caller, address: str = HOME, /, **body: Any) -> Any:
    """The answer to somebody who asks to be let in."""
    return caller.post("/sessions", json=body, **at(address))


def started(caller: Caller, address: str = HOME, /, **body: Any) -> Any:
    """A session that is there, as it is shown."""
    answer = start(caller, address, **body)
    assert answer.status_code == 201, answer.text
    return answer.json


def settle_grants(session_id: str, status: str, *resources: Resource, **columns: Any) -> None:
    """What a worker saw, written down: all grants of the session, or those of the resources, are in this state."""
    which = Grant.session_id == uuid.UUID(session_id)
    if resources:
        which &= Grant.resource_id.in_([resource.id for resource in resources])
    with write():
        Grant.update(status=status, **columns).where(which).execute()
        service.follow({uuid.UUID(session_id)})


def grants_of(session_id: str) -> list[Grant]:
    return list(Grant.select().where(Grant.session_id == uuid.UUID(session_id)).order_by(Grant.created_at, Grant.id))


def session_of(shown: dict[str, Any]) -> Session:
    found: Session = Session.get_by_id(uuid.UUID(shown["id"]))
    return found
