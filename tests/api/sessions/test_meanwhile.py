"""What changes between a request that is let through and its transaction, and who waits for whom."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import psycopg2.errors
import pytest

from api.accounts.models import ApiKey, Organisation, User
from api.accounts.service.users import UserChange
from api.actor import Actor
from api.credentials.models import Credential
from api.database import clock, connection, now, write
from api.errors import (
    DurationExceeded,
    InvalidInput,
    NotAllowed,
    SessionLimitReached,
    SessionNotFound,
    Unauthenticated,
)
from api.lifecycle.people import change_user
from api.resources.models import Resource
from api.sessions.addresses import WantedAddresses
from api.sessions.allowance import WantedDuration
from api.sessions.changing import change_addresses, extend
from api.sessions.models import Session
from api.sessions.starting import NewSessionFields, start
from api.settings import Settings
from api.targets.models import Target
from tests.api.accounts.acting import administrator, as_key, as_user
from tests.api.conftest import Caller, sign_in
from tests.api.sessions.conftest import ELSEWHERE, HOME, SECOND, MakeRole, Pipeline, grants_of, openable, started
from tests.locks import Other, other, uncommitted, waiting


def starts_nothing(actor: Actor, settings: Settings) -> None:
    with pytest.raises(Unauthenticated):
        start(actor, NewSessionFields(), uuid.uuid4(), settings)
    assert not Session.select().exists()


@pytest.fixture
def ada(admin: Caller, resource: Resource) -> Actor:
    """The administrator, already known to be her."""
    return as_user(admin.user, ip_address=HOME)


@pytest.fixture
def ci(pipeline: Pipeline, resource: Resource, make_role: MakeRole) -> Actor:
    """A key of the organisation with a role, already known."""
    make_role([pipeline], [resource])
    return replace(as_key(pipeline.user, "sessions:write", key_id=pipeline.key_id), ip_address=HOME)


def test_who_may_start_is_let_in(ada: Actor, settings: Settings) -> None:
    """Else the others would prove nothing."""
    assert start(ada, NewSessionFields(), uuid.uuid4(), settings).user_id == ada.user_id


def test_a_suspended_organisation_starts_nothing(ada: Actor, settings: Settings) -> None:
    with write():
        Organisation.update(suspended_at=now()).where(Organisation.id == ada.organisation_id).execute()

    starts_nothing(ada, settings)


def test_who_was_deactivated_starts_nothing(ada: Actor, settings: Settings) -> None:
    with write():
        User.update(is_active=False).where(User.id == ada.user_id).execute()

    starts_nothing(ada, settings)


@pytest.mark.parametrize("is_hers", [True, False], ids=["her own", "the organisation's"])
@pytest.mark.parametrize("end", ["revoked_at", "expires_at"])
def test_a_key_that_is_not_in_force_starts_and_changes_nothing(
    admin: Caller, ci: Actor, resource: Resource, settings: Settings, end: str, is_hers: bool
) -> None:
    key = replace(as_key(admin.user, "sessions:write", of_user=True), ip_address=HOME) if is_hers else ci
    open_one = start(key, NewSessionFields(), uuid.uuid4(), settings)
    with write():
        ApiKey.update({end: now()}).where(ApiKey.id == key.key_id).execute()

    deeds: tuple[Callable[[], Session], ...] = (
        lambda: start(key, NewSessionFields(), uuid.uuid4(), settings),
        lambda: extend(key, open_one.id, WantedDuration(duration_minutes=5)),
        lambda: change_addresses(key, open_one.id, WantedAddresses(ipv4_address=ip_network(ELSEWHERE)), settings),
    )
    for deed in deeds:
        with pytest.raises(Unauthenticated):
            deed()
    assert Session.get() == open_one and Session.get().revision == open_one.revision


# Demoted


@pytest.fixture
def bob(admin: Caller) -> Caller:
    """Another administrator."""
    return sign_in(admin.client, administrator("bob@example.com"))


@pytest.fixture
def boss(admin: Caller, bob: Caller, resource: Resource) -> Actor:
    """Bob, who was let through as an administrator and is demoted since."""
    admin.patch(f"/users/{bob.user.id}", json={"role": "USER"})
    return as_user(bob.user, ip_address=HOME)


def test_who_was_demoted_opens_no_more_than_the_roles_name(
    bob: Caller, boss: Actor, resource: Resource, credential: Credential, make_role: MakeRole, settings: Settings
) -> None:
    with pytest.raises(InvalidInput, match="no resource that you may open"):
        start(boss, NewSessionFields(), uuid.uuid4(), settings)
    openable(credential)
    make_role([bob], [resource], hours=1)

    session = start(boss, NewSessionFields(), uuid.uuid4(), settings)

    assert {grant.resource_id for grant in grants_of(str(session.id))} == {resource.id}
    assert session.expires_at - session.created_at == timedelta(hours=1)


def test_a_key_of_who_was_demoted_opens_no_more_than_the_roles_name(
    bob: Caller, boss: Actor, settings: Settings
) -> None:
    key = replace(as_key(bob.user, "sessions:write", of_user=True), ip_address=HOME)

    with pytest.raises(InvalidInput, match="no resource that you may open"):
        start(key, NewSessionFields(), uuid.uuid4(), settings)


def test_who_was_demoted_lets_in_no_other_address(
    bob: Caller, boss: Actor, resource: Resource, make_role: MakeRole, settings: Settings
) -> None:
    make_role([bob], [resource])

    with pytest.raises(NotAllowed, match="another address"):
        start(boss, NewSessionFields(ipv4_address=ip_network(ELSEWHERE)), uuid.uuid4(), settings)
    own = start(boss, NewSessionFields(), uuid.uuid4(), settings)
    with pytest.raises(NotAllowed, match="another address"):
        change_addresses(boss, own.id, WantedAddresses(ipv4_address=ip_network(ELSEWHERE)), settings)


def test_who_was_demoted_extends_no_longer_than_the_roles_say(
    bob: Caller, boss: Actor, resource: Resource, make_role: MakeRole, settings: Settings
) -> None:
    make_role([bob], [resource], hours=1)
    own = start(boss, NewSessionFields(), uuid.uuid4(), settings)

    with pytest.raises(DurationExceeded):
        extend(boss, own.id, WantedDuration(duration_minutes=5))


def test_who_was_demoted_changes_nobody_elses_session(boss: Actor, ada: Actor, settings: Settings) -> None:
    hers = start(ada, NewSessionFields(), uuid.uuid4(), settings)

    with pytest.raises(SessionNotFound):
        change_addresses(boss, hers.id, WantedAddresses(ipv4_address=ip_network(ELSEWHERE)), settings)
    with pytest.raises(SessionNotFound):
        extend(boss, hers.id, WantedDuration(duration_minutes=5))


def test_who_was_deactivated_changes_nobody_elses_session(
    admin: Caller, boss: Actor, ada: Actor, settings: Settings
) -> None:
    hers = start(ada, NewSessionFields(), uuid.uuid4(), settings)
    admin.patch(f"/users/{boss.user_id}", json={"isActive": False})

    with pytest.raises(Unauthenticated):
        change_addresses(boss, hers.id, WantedAddresses(ipv4_address=ip_network(ELSEWHERE)), settings)
    with pytest.raises(Unauthenticated):
        extend(boss, hers.id, WantedDuration(duration_minutes=5))


@pytest.mark.engines("postgresql")
def test_who_waits_while_being_demoted_opens_nothing(db: str, ada: Actor, bob: Caller, settings: Settings) -> None:
    boss = as_user(bob.user, ip_address=HOME)

    with uncommitted(db, lambda: change_user(ada, bob.user.id, UserChange(role="USER"))) as meanwhile:
        begun = meanwhile(lambda: start(boss, NewSessionFields(), uuid.uuid4(), settings))

    with pytest.raises(InvalidInput, match="no resource that you may open"):
        begun.result(30)
    assert not Session.select().exists()


# Locks


def place(resource: Resource, target_id: uuid.UUID) -> None:
    """Make the target of a resource under this id."""
    with write():
        Target.create(
            id=target_id,
            organisation_id=resource.organisation_id,
            credential_id=resource.credential_id,
            provider=resource.provider,
            account="123456789012",
            region=resource.region,
            identifier=resource.resource_identifier,
            resource_type=resource.resource_type,
        )


@pytest.mark.engines("postgresql")
def test_targets_are_taken_in_one_order_whatever_that_of_their_resources(
    db: str, ada: Actor, resource: Resource, credential: Credential, settings: Settings
) -> None:
    first, last = uuid.UUID(int=1), uuid.UUID(int=2**128 - 1)
    place(resource, last)
    place(openable(credential), first)
    one = Other(db)
    one.lock("targets", first)

    with waiting(lambda: start(ada, NewSessionFields(), uuid.uuid4(), settings), one) as done:
        one.lock("targets", last)

    assert done.result(10).status == "PENDING"


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize("deed", ["stop", "ip"])
def test_a_session_is_taken_after_its_targets_as_a_worker_does(
    db: str, admin: Caller, resource: Resource, deed: str
) -> None:
    session_id = started(admin)["id"]
    one = Other(db)
    one.lock("targets", Target.get().id)
    method, body = ("POST", None) if deed == "stop" else ("PUT", {"ipv4Address": "198.51.100.9"})

    with waiting(lambda: admin.ask(method, f"/sessions/{session_id}/{deed}", json=body), one) as done:
        one.lock("sessions", uuid.UUID(session_id))

    assert done.result(10).status_code == 200


@pytest.mark.engines("postgresql")
def test_whoever_suspends_sees_every_session_that_is_being_started(
    db: str, ada: Actor, resource: Resource, settings: Settings
) -> None:
    """Until a start is committed, its organisation cannot be changed."""
    is_started, may_end = threading.Event(), threading.Event()

    def start_slowly() -> None:
        with connection(), write():
            start(ada, NewSessionFields(), uuid.uuid4(), settings)
            is_started.set()
            may_end.wait(10)

    with ThreadPoolExecutor(1) as pool, other(db) as one:
        done = pool.submit(start_slowly)
        try:
            assert is_started.wait(10)
            with pytest.raises(psycopg2.errors.LockNotAvailable):
                one.lock("organisations", ada.organisation)
        finally:
            may_end.set()
        done.result(10)


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize("holder", ["person", "key"])
def test_what_is_being_extended_keeps_its_place(
    db: str, ada: Actor, ci: Actor, settings: Settings, holder: str
) -> None:
    """Also where its end would have come before that is committed."""
    caller = {"person": ada, "key": ci}[holder]
    short = start(caller, NewSessionFields(duration_minutes=5), uuid.uuid4(), settings)
    for _ in range(4):
        start(caller, NewSessionFields(), uuid.uuid4(), settings)

    with uncommitted(db, lambda: extend(caller, short.id, WantedDuration(duration_minutes=5))) as meanwhile:
        clock.offset += 301 * SECOND
        another = meanwhile(lambda: start(caller, NewSessionFields(), uuid.uuid4(), settings))

    with pytest.raises(SessionLimitReached):
        another.result(30)
    assert Session.select().where(Session.expires_at > now()).count() == 5
