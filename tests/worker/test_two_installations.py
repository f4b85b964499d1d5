"""Two installations, and an installation and its copy, on one object of a cloud: neither touches the other's rules."""

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from api.clouds import CLOUDS
from api.credentials.models import Credential
from api.database import bind, database, is_sqlite, write
from api.due import LEASE_SECONDS
from api.installation import Installation, identity, is_undecided
from api.lifecycle import restoring
from api.migrate import migrate
from api.resources.models import Resource
from api.sessions.models import Session
from api.targets.models import Grant, Rule, Target
from tests.api.lifecycle.conftest import events, static_rule
from tests.api.lifecycle.test_changing import see
from tests.clouds.aws_standin import AwsStandIn, answering
from tests.clouds.sites import a_rule
from tests.databases import administer, with_database
from tests.rows import end_grants, fresh
from tests.worker.bench import HERE, THERE, Bench, bench_at, due_in, grant_of, pass_time, resource_on, status
from tests.worker.reconcile_clouds.conftest import site_at

pytestmark = pytest.mark.usefixtures("restores")

FURTHER = "81.2.69.150"

Copy = Callable[[], str]


@pytest.fixture
def bench(request: pytest.FixtureRequest, db: str) -> Bench:
    return bench_at(site_at(request.param, request))


every_cloud = pytest.mark.parametrize("bench", CLOUDS, indirect=True)
tagging_clouds = pytest.mark.parametrize("bench", [cloud for cloud in CLOUDS if cloud != "APISIX"], indirect=True)
one_cloud = pytest.mark.parametrize("bench", ["AWS"], indirect=True)
at_apisix_only = pytest.mark.parametrize("bench", ["APISIX"], indirect=True)
# What depends on the engine is tested at one cloud, on both.
one_engine = pytest.mark.engines("sqlite")


def go_to(url: str) -> None:
    """Be a server of another database from here on."""
    database.close()
    database.close_all()
    bind(url)
    database.connect()


@pytest.fixture
def copy(db: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Copy]:
    """Copies the database as it is now; the copy's URL. Afterwards the test is at the original again."""
    made: list[str] = []

    def make() -> str:
        database.close()
        database.close_all()
        name = f"copy_{uuid.uuid4().hex}"
        if is_sqlite():
            file = tmp_path / f"{name}.sqlite"
            with (
                closing(sqlite3.connect(db.removeprefix("sqlite:///"))) as source,
                closing(sqlite3.connect(file)) as to,
            ):
                source.backup(to)
            url = f"sqlite:///{file}"
        else:
            server = request.getfixturevalue("postgresql_server")
            administer(server, f"CREATE DATABASE {name} TEMPLATE {db.partition('?')[0].rpartition('/')[2]}")
            url = with_database(server, name)
            made.append(name)
        bind(db)
        database.connect()
        return url

    yield make
    go_to(db)
    for name in made:
        administer(request.getfixturevalue("postgresql_server"), f"DROP DATABASE {name} WITH (FORCE)")


def serve_until_no_call_can_land(bench: Bench) -> None:
    """What is adopted is looked at twice: at once, and when nothing of the original's is under way any more."""
    bench.serve()
    pass_time(LEASE_SECONDS)
    bench.serve()


def state(session: Session) -> tuple[str, str | None]:
    row = fresh(session)
    return row.status, row.ended_reason


@every_cloud
@one_engine
def test_two_installations_on_one_object_leave_each_others_rules(bench: Bench, db: str, tmp_path: Path) -> None:
    before = bench.everything()
    ours = bench.open()
    bench.serve()
    with_ours = bench.everything()
    bind_to_another = f"sqlite:///{tmp_path / 'another.sqlite'}"
    here = identity()
    database.close()
    bind(bind_to_another)
    migrate()
    database.connect()
    assert identity() != here
    others = bench_at(bench.site, target=bench.target)
    theirs = [others.open(HERE), others.open(THERE)]

    others.serve()
    assert [status(session) for session in theirs] == [("ACTIVE", "APPLIED")] * 2
    others.end(theirs[1])
    go_to(db)
    bench.look()
    assert status(ours) == ("ACTIVE", "APPLIED")
    go_to(bind_to_another)
    others.look()
    others.end(theirs[0])
    others.serve()
    assert bench.everything() == with_ours

    again = others.open(HERE)
    others.serve()
    go_to(db)
    bench.end(ours)
    bench.serve()
    assert status(ours) == ("CANCELLED", "REMOVED")
    go_to(bind_to_another)
    others.look()
    assert status(again) == ("ACTIVE", "APPLIED")
    assert bench.everything() != before
    others.end(again)
    others.serve()
    assert bench.everything() == before
    go_to(db)


@one_cloud
def test_a_copy_does_nothing_until_somebody_says_what_it_is(bench: Bench, copy: Copy) -> None:
    session = bench.open()
    bench.serve()
    there = bench.everything()
    copied = copy()
    assert not is_undecided()
    go_to(copied)
    assert is_undecided()

    bench.end(session)
    bench.open(THERE)

    assert bench.serve() == 0
    assert bench.everything() == there
    assert status(session) == ("EXPIRING", "REMOVING")
    restoring.adopt()
    serve_until_no_call_can_land(bench)
    assert status(session) == ("CANCELLED", "REMOVED")


@one_cloud
def test_a_server_that_is_started_again_or_asked_by_another_process_goes_on(bench: Bench, db: str) -> None:
    session = bench.open()
    bench.serve()
    kept = Installation.get().database_identity

    go_to(db)

    assert kept and not is_undecided()
    bench.end(session)
    bench.serve()
    assert status(session) == ("CANCELLED", "REMOVED")


@one_cloud
@one_engine
def test_a_file_that_was_moved_goes_on(bench: Bench, db: str, tmp_path: Path) -> None:
    bench.open()
    bench.serve()
    (tmp_path / "elsewhere").mkdir()
    database.close()
    database.close_all()
    moved = Path(db.removeprefix("sqlite:///")).rename(tmp_path / "elsewhere" / "moved.sqlite")
    bind(f"sqlite:///{moved}")
    database.connect()

    assert not is_undecided()


def _a_new_installation_leaves_all(bench: Bench, copy: Copy, original: str) -> None:
    before = bench.everything()
    session = bench.open()
    ending = bench.open(FURTHER)
    rule = static_rule(bench.resource, address=THERE)
    bench.serve()
    bench.end(ending)
    there = bench.everything()
    was = identity()
    go_to(copy())
    restoring.start_anew()

    assert identity() != was
    assert (state(session), state(ending)) == (("CANCELLED", "MANUAL"), ("CANCELLED", "MANUAL"))
    assert {grant_of(each).status for each in (session, ending)} == {"REMOVED"}
    assert grant_of(session).error == "the rule was left to the installation that made it"
    assert events("ORGANIZATION_UPDATE")[-1].details == {"restored": "newInstallation"}
    bench.serve()
    live = Grant.select().where(Grant.static_rule_id == rule.id, Grant.ended_at.is_null())
    assert [grant.status for grant in live] == ["APPLIED"]
    own = bench.open(HERE), bench.open("81.2.69.160")
    bench.serve()
    assert [status(each) for each in own] == [("ACTIVE", "APPLIED")] * 2
    for each in own:
        bench.end(each)
    end_grants(Grant.static_rule_id == rule.id)
    bench.serve()
    assert Rule.select().count() == 0
    assert bench.everything() == there

    go_to(original)
    assert bench.serve() > 0
    assert (status(session), status(ending)) == (("ACTIVE", "APPLIED"), ("CANCELLED", "REMOVED"))
    bench.end(session)
    end_grants(Grant.static_rule_id == rule.id)
    bench.serve()
    assert bench.everything() == before


@every_cloud
@one_engine
def test_a_new_installation_leaves_the_originals_rules_to_the_byte(bench: Bench, copy: Copy, db: str) -> None:
    _a_new_installation_leaves_all(bench, copy, db)


@one_cloud
@pytest.mark.engines("postgresql")
def test_a_new_installation_does_so_in_production_too(bench: Bench, copy: Copy, db: str) -> None:
    _a_new_installation_leaves_all(bench, copy, db)


@tagging_clouds
@one_engine
def test_what_was_opened_after_the_backup_goes_when_it_is_adopted(bench: Bench, copy: Copy) -> None:
    _what_came_later_goes(bench, copy)


@one_cloud
@pytest.mark.engines("postgresql")
def test_it_goes_in_production_too(bench: Bench, copy: Copy) -> None:
    _what_came_later_goes(bench, copy)


def _what_came_later_goes(bench: Bench, copy: Copy) -> None:
    empty = bench.site.target()
    second = resource_on(bench.credential, empty)
    bench.site.add_foreign(bench.target, a_rule(f"{THERE}/32"))
    before, before_on_second = bench.everything(), bench.site.everything(empty)
    session = bench.open()
    bench.serve()
    then = bench.everything()
    copied = copy()
    bench.open(FURTHER)
    bench.open(HERE, second)
    bench.end(session)
    bench.serve()
    assert bench.everything() != then and bench.site.everything(empty) != before_on_second
    go_to(copied)

    restoring.adopt()
    bench.serve()

    assert bench.everything() == then
    assert bench.site.everything(empty) == before_on_second
    assert status(session) == ("ACTIVE", "APPLIED")
    assert events("ORGANIZATION_UPDATE")[-1].details == {"restored": "adopted"}
    bench.end(session)
    bench.serve()
    assert bench.everything() == before


@one_cloud
def test_what_the_originals_last_call_opens_when_all_has_been_looked_at_goes_too(
    bench: Bench, copy: Copy, db: str
) -> None:
    before = bench.everything()
    copied = copy()
    go_to(copied)
    restoring.adopt()
    bench.serve()
    go_to(db)
    bench.open()
    bench.serve()
    assert bench.everything() != before
    go_to(copied)

    serve_until_no_call_can_land(bench)

    assert bench.everything() == before
    assert due_in() is None, "then nothing can be under way any more"


@one_cloud
def test_what_was_opened_through_a_credential_that_was_invalid_at_the_backup_goes_when_it_is_mended(
    bench: Bench, copy: Copy
) -> None:
    before = bench.everything()
    set_valid(False)
    copied = copy()
    set_valid(True)
    bench.open()
    bench.serve()
    assert bench.everything() != before
    go_to(copied)

    restoring.adopt()
    assert bench.serve() == 0, "nobody could look"
    set_valid(True, is_active=False)
    see(bench.resource)
    serve_until_no_call_can_land(bench)

    assert bench.everything() == before
    assert due_in() is None
    see(bench.resource)
    assert bench.serve() == 0, "that is enough"


@one_cloud
@one_engine
def test_what_was_looked_at_without_a_find_is_not_looked_at_whenever_it_is_active_again(
    bench: Bench, copy: Copy
) -> None:
    go_to(copy())
    restoring.adopt()
    serve_until_no_call_can_land(bench)

    for _ in range(2):
        set_valid(True, is_active=False)
        see(bench.resource)

        assert bench.serve() == 0


@one_cloud
@one_engine
def test_what_was_not_there_when_it_was_looked_for_is_looked_at_once_it_is(
    bench: Bench, copy: Copy, aws: AwsStandIn
) -> None:
    before = bench.everything()
    copied = copy()
    bench.open()
    bench.serve()
    go_to(copied)
    restoring.adopt()
    with aws.failing(answering(400, "InvalidGroup.NotFound", services=["ec2"])):
        serve_until_no_call_can_land(bench)

    set_valid(True, is_active=False)
    see(bench.resource)
    bench.serve()

    assert bench.everything() == before


def set_valid(is_valid: bool, is_active: bool | None = None) -> None:
    """What a worker has seen of the credential, and of its resource."""
    with write():
        Credential.update(is_valid=is_valid).execute()
        Resource.update(is_active=is_valid if is_active is None else is_active).execute()


@at_apisix_only
@one_engine
def test_a_gateways_entry_that_no_row_knows_of_stays(bench: Bench, copy: Copy) -> None:
    bench.open()
    bench.serve()
    copied = copy()
    bench.open(FURTHER)
    bench.serve()
    later = bench.everything()
    go_to(copied)

    restoring.adopt()
    bench.serve()

    assert bench.everything() == later


@one_cloud
@one_engine
def test_an_object_that_cannot_be_looked_at_is_looked_at_until_it_can(bench: Bench, copy: Copy) -> None:
    before = bench.everything()
    bench.serve()
    copied = copy()
    bench.open()
    bench.serve()
    assert bench.everything() != before
    go_to(copied)
    restoring.adopt()
    with bench.site.throttled():
        bench.serve()
        assert Target.get().last_failure and 0 < (due_in() or 0) <= 15
    assert bench.everything() != before

    pass_time(15)
    serve_until_no_call_can_land(bench)

    assert bench.everything() == before
    assert due_in() is None
