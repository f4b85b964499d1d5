"""A database that is a copy: what its server answers, and what an operator is told and says."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from api import installation
from api.commands.doctor import doctor
from api.commands.restore import restore
from api.database import bind, connection, database, write
from api.installation import Installation, identity, is_undecided, may_work
from api.resources.models import Resource
from api.settings import Settings, SettingsError
from api.start import start as start_process
from tests.api.commands.conftest import ring_environment, ring_file  # noqa: F401  fixtures, by name
from tests.api.conftest import Caller, unknown_id
from tests.api.sessions.conftest import credential, organisation, resource, start  # noqa: F401
from tests.api.test_health import metrics, ready
from worker.sweep import Sweeper


def be_a_copy() -> None:
    """The row of another database."""
    with write():
        Installation.update(database_identity="of another database").execute()


def test_the_first_worker_that_looks_has_the_database_remembered(db: str) -> None:
    assert Installation.get().database_identity is None and not is_undecided()

    assert may_work()

    assert Installation.get().database_identity is not None
    assert may_work() and not is_undecided()


@pytest.mark.engines("postgresql")
def test_any_role_may_ask_which_database_it_is(db: str) -> None:
    database.execute_sql("SET ROLE pg_signal_backend")  # it has no rights but to end other people's queries

    [[here]] = database.execute_sql(f"SELECT {installation._POSTGRESQL}")

    assert re.fullmatch(r"[0-9]+:[0-9]+", here)
    database.execute_sql("RESET ROLE")


@pytest.mark.engines("sqlite")
def test_a_file_on_another_host_is_a_copy(db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert may_work()
    other = tmp_path / "machine-id"
    other.write_text("0123456789abcdef0123456789abcdef\n")

    monkeypatch.setattr(installation, "_MACHINE_ID", other)

    assert is_undecided() and not may_work()


def test_a_copy_opens_nothing_and_shows_what_there_is(admin: Caller, resource: Resource) -> None:  # noqa: F811
    session = start(admin).json
    be_a_copy()

    check_opens_nothing(admin, session["id"], "restored from a backup")
    assert admin.get(f"/sessions/{session['id']}").status_code == 200
    assert admin.post(f"/sessions/{session['id']}/stop").status_code == 200


def check_opens_nothing(admin: Caller, session_id: str, reason: str) -> None:
    moved = {"ipv4Address": "198.51.100.9"}
    for answer in start(admin), admin.ask("PUT", f"/sessions/{session_id}/ip", json=moved):
        assert (answer.status_code, answer.json["error"]) == (503, "UNAVAILABLE")
        assert reason in answer.json["message"]
        assert answer.headers["Retry-After"] == "60"


@pytest.mark.redis_well("the answer names what is missed")
def test_a_copy_is_ready_and_says_that_it_waits(client: FlaskClient) -> None:
    assert metrics(client)["entryguard_copy_undecided", ""] == 0
    be_a_copy()

    assert ready(client)[1]["degraded"] == ["worker", "installation"]
    assert metrics(client)["entryguard_copy_undecided", ""] == 1


@pytest.mark.parametrize("option", ["--adopt", "--new-installation"])
def test_an_operator_is_told_both_commands_and_each_lets_it_go_on(
    ring_environment: dict[str, str],  # noqa: F811
    option: str,
) -> None:
    with connection():
        be_a_copy()
        before = identity()
    assert installation.UNDECIDED in CliRunner().invoke(doctor).output
    assert "restore --adopt" in installation.UNDECIDED and "restore --new-installation" in installation.UNDECIDED

    done = CliRunner().invoke(restore, [option])

    assert done.exit_code == 0, done.output
    with connection():
        assert not is_undecided()
        assert (identity() == before) == (option == "--adopt")
    assert installation.UNDECIDED not in CliRunner().invoke(doctor).output


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize(("command", "options"), [(doctor, []), (restore, ["--adopt"])])
def test_who_may_not_ask_which_database_it_is_is_told_what_to_run(
    ring_environment: dict[str, str],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    command: click.Command,
    options: list[str],
) -> None:
    url, role = ring_environment["ENTRYGUARD_DATABASE_URL"], f"reader_{uuid.uuid4().hex}"
    with connection():
        database.execute_sql("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        database.execute_sql(f"CREATE ROLE {role} LOGIN IN ROLE pg_read_all_data")
    monkeypatch.setenv("ENTRYGUARD_DATABASE_URL", re.sub("//[^@]*@", f"//{role}@", url))

    with pytest.raises(SettingsError, match="may not call pg_control_system"):
        start_process(Settings.from_environment(), connections=1)
    refused = CliRunner().invoke(command, options)

    assert refused.exit_code == 1 and "may not call pg_control_system()" in refused.output, refused.output
    [remedy] = re.findall("`(GRANT .*)`", refused.output)
    bind(url)
    with connection():
        database.execute_sql(remedy)
        database.execute_sql(f"SET ROLE {role}")
        assert not is_undecided()
        database.execute_sql("RESET ROLE")
        database.execute_sql(f"DROP ROLE {role}")


@pytest.fixture
def may_not_ask_any_more(db: str, admin: Caller, resource: Resource) -> Iterator[None]:  # noqa: F811
    """Somebody takes the right away by which a copy is told, while the server runs."""
    role = f"server_{uuid.uuid4().hex}"
    database.execute_sql(f"CREATE ROLE {role} IN ROLE pg_read_all_data, pg_write_all_data")
    database.execute_sql("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    database.execute_sql(f"SET ROLE {role}")
    yield
    database.execute_sql("RESET ROLE")
    database.execute_sql("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
    database.execute_sql(f"DROP ROLE {role}")


@pytest.mark.engines("postgresql")
@pytest.mark.usefixtures("may_not_ask_any_more")
def test_who_may_not_ask_any_more_opens_nothing_and_shows_what_there_is(admin: Caller) -> None:
    check_opens_nothing(admin, unknown_id(), "cannot tell whether its database is a copy")
    assert admin.get("/sessions").status_code == 200


@pytest.mark.engines("postgresql")
@pytest.mark.usefixtures("may_not_ask_any_more")
@pytest.mark.redis_well("the answer names what is missed")
def test_who_may_not_ask_any_more_is_ready_and_says_that_nothing_is_done(client: FlaskClient) -> None:
    assert ready(client) == (200, {"ready": True, "missing": [], "degraded": ["worker", "installation"]})
    assert metrics(client)["entryguard_copy_undecided", ""] == 1


@pytest.mark.engines("postgresql")
@pytest.mark.usefixtures("may_not_ask_any_more")
def test_a_sweeper_that_may_not_ask_any_more_says_what_to_run_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    sweeper = Sweeper(lambda: None)

    sweeper.tell_of_copy()

    assert [re.findall("`(GRANT .*)`", message) for message in caplog.messages] == [
        ["GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC"]
    ]
    assert not sweeper.ring_for_unserved()


def test_what_is_no_copy_becomes_a_new_installation_by_force_alone(
    ring_environment: dict[str, str],  # noqa: F811
) -> None:
    with connection():
        assert may_work()
        before = identity()

    refused = CliRunner().invoke(restore, ["--new-installation"])

    assert refused.exit_code == 1 and "not recognised as a copy" in refused.output
    with connection():
        assert identity() == before
    assert CliRunner().invoke(restore, ["--new-installation", "--force"]).exit_code == 0
    with connection():
        assert identity() != before


@pytest.mark.parametrize("options", [[], ["--adopt", "--new-installation"]])
@pytest.mark.engines("sqlite")
def test_one_of_the_two_is_to_be_said(ring_environment: dict[str, str], options: list[str]) -> None:  # noqa: F811
    assert CliRunner().invoke(restore, options).exit_code == 2
