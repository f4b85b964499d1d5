"""What somebody does while somebody else's deed is not committed yet: neither is lost."""

import uuid
from collections.abc import Callable

import pytest

from api.accounts.models import User
from api.actor import Actor
from api.credentials.models import Credential
from api.lifecycle.changing import RESOURCE_CHANGED, change_resource
from api.lifecycle.deleting import RESOURCE_DELETED, delete_resource_by_force
from tests.api.lifecycle.conftest import openable, opened, serve, state_of
from tests.locks import uncommitted

# SQLite has one writer: nothing happens meanwhile.
pytestmark = pytest.mark.engines("postgresql")


def delete(actor: Actor, resource_id: uuid.UUID) -> object:
    return delete_resource_by_force(actor, resource_id)


def change(actor: Actor, resource_id: uuid.UUID) -> object:
    return change_resource(actor, resource_id, {"config": {"port": 8443}})


@pytest.mark.parametrize(("deed", "reason"), [(delete, RESOURCE_DELETED), (change, RESOURCE_CHANGED)])
def test_a_session_whose_last_two_resources_go_at_once_ends(
    db: str, by_ada: Actor, uma: User, credential: Credential, deed: Callable[[Actor, uuid.UUID], object], reason: str
) -> None:
    first, second = openable(credential), openable(credential)
    session = opened(uma, first, second)
    serve()

    with uncommitted(db, lambda: deed(by_ada, first.id)) as meanwhile:
        done = meanwhile(lambda: deed(by_ada, second.id))

    done.result(30)
    assert state_of(session) == ("EXPIRING", reason)
    serve()
    assert state_of(session) == ("CANCELLED", reason)
