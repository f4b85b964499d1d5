"""/healthz, /readyz and /metrics: whether the server lives, whether it can serve, and how late it is."""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from api import workers
from api.app import create_app
from api.credentials.models import KeyCheck
from api.database import bind, clock, database, write
from api.settings import Settings
from api.targets.models import Grant, Rule
from api.vault import Vault
from tests.api.conftest import Caller
from tests.api.published import CREATE_CREDENTIAL
from tests.rows import end_grants, make_credential, make_resource, make_session
from tests.valkey_server import running_valkey

SECONDS = 1_000_000


def ready(client: FlaskClient) -> tuple[int, Any]:
    answer: Any = client.get("/readyz")
    return answer.status_code, answer.json


def metrics(client: FlaskClient) -> dict[tuple[str, str], float]:
    """The figures by name and kind."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, sample.labels.get("kind", "")): sample.value for family in families for sample in family.samples
    }


@pytest.fixture
def worker(db: str) -> None:
    """A worker that has just said that it lives."""
    workers.beat("host:1")


@pytest.mark.redis_well("the answer names what is missed")
def test_a_server_with_all_it_needs_is_ready(client: FlaskClient, worker: None) -> None:
    assert ready(client) == (200, {"ready": True, "missing": [], "degraded": []})


@pytest.mark.redis_well("the answer names what is missed")
def test_without_a_worker_it_serves_and_says_so(client: FlaskClient) -> None:
    assert ready(client) == (200, {"ready": True, "missing": [], "degraded": ["worker"]})


@pytest.mark.redis_well("the answer names what is missed")
def test_a_worker_that_has_not_been_heard_of_for_a_while_is_missed(client: FlaskClient, worker: None) -> None:
    clock.offset = 60 * SECONDS

    assert ready(client)[1]["degraded"] == ["worker"]


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("how", ["kill", "pause"])
def test_redis_away_is_no_reason_not_to_serve(
    environment: dict[str, str], vault: Vault, worker: None, how: str
) -> None:
    with running_valkey() as server:
        settings = Settings.from_environment({**environment, "ENTRYGUARD_REDIS_URL": server.url})
        client = create_app(settings, vault, threads=2).test_client()
        getattr(server, how)()

        assert ready(client) == (200, {"ready": True, "missing": [], "degraded": ["redis"]})


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.sqlite", "postgresql://127.0.0.1:1/x"])
def test_without_a_database_it_lives_and_is_not_ready(client: FlaskClient, url: str) -> None:
    database.close_all()
    bind(url)

    status, shown = ready(client)

    assert status == 503 and shown["ready"] is False and "database" in shown["missing"]
    assert client.get("/healthz").json == {"status": "alive"}


def test_a_database_that_was_not_migrated_is_no_database(client: FlaskClient, db: str) -> None:
    history = next(table for table in database.get_tables() if "migration" in table)
    database.execute_sql(f"DELETE FROM {history}")  # noqa: S608

    status, shown = ready(client)

    assert (status, shown["missing"]) == (503, ["database"])


def test_lost_tables_are_told_and_no_crash(client: FlaskClient, db: str) -> None:
    # SQLite lets a table go that others refer to, and has no word to ask for it
    anyway = " CASCADE" if db.startswith("postgresql") else ""
    for table in ("resources", "target_listings", "credential_secrets", "key_checks", "worker_heartbeats"):
        database.execute_sql(f"DROP TABLE {table}{anyway}")

    status, shown = ready(client)

    assert (status, shown["missing"]) == (503, ["keyRing"])


def test_a_key_that_is_not_the_one_that_sealed_is_told(client: FlaskClient, admin: Caller) -> None:
    admin.post("/credentials", json=CREATE_CREDENTIAL["AWS"])
    with write():
        KeyCheck.update(check_value=b"\0" * 32).execute()

    assert ready(client) == (503, {"ready": False, "missing": ["keyRing"], "degraded": []})


@pytest.mark.engines("sqlite")
def test_nothing_about_the_inside_is_told(client: FlaskClient, tmp_path: Path) -> None:
    database.close_all()
    bind(f"sqlite:///{tmp_path}/gone/secret-name.sqlite")

    assert "secret-name" not in client.get("/readyz").text + client.get("/metrics").text


def test_the_figures_tell_what_is_due_and_how_late(client: FlaskClient, admin: Caller) -> None:
    before = metrics(client)
    admin.post("/credentials", json=CREATE_CREDENTIAL["AWS"])
    clock.offset = 90 * SECONDS
    after = metrics(client)

    assert before["entryguard_due_rows", "credentials"] == 0
    assert after["entryguard_due_rows", "credentials"] == 1
    assert 90 <= after["entryguard_oldest_overdue_seconds", "credentials"] < 120
    assert after["entryguard_due_rows", "resources"] == 0
    assert after["entryguard_stuck_rows", "credentials"] == 0


def test_the_figures_tell_of_rules_that_should_be_gone(client: FlaskClient) -> None:
    credential = make_credential(is_valid=True)
    resource = make_resource(credential, is_active=True, config={"port": 443})
    session = make_session(credential.organisation_id, resource)
    with write():
        Rule.update(is_added=True).execute()
        end_grants(Grant.session_id == session.id)
    before = metrics(client)
    clock.offset = 130 * SECONDS
    after = metrics(client)

    assert (before["entryguard_overdue_rules", ""], before["entryguard_oldest_overdue_rule_seconds", ""]) == (0, 0)
    assert after["entryguard_overdue_rules", ""] == 1
    assert 130 <= after["entryguard_oldest_overdue_rule_seconds", ""] < 190
    assert after["entryguard_due_rows", "targets"] == 1


def test_no_figure_names_an_organisation_or_an_object(client: FlaskClient, admin: Caller) -> None:
    admin.post("/credentials", json=CREATE_CREDENTIAL["AWS"])

    kinds = {"credentials", "resources", "target_listings", "targets", "sessions", "static_ip_rules"}
    assert {kind for _, kind in metrics(client) if kind} == kinds


@pytest.mark.engines("sqlite")
def test_figures_without_a_database_are_unavailable(client: FlaskClient) -> None:
    database.close_all()
    bind("postgresql://127.0.0.1:1/x")

    answer: Any = client.get("/metrics")

    assert (answer.status_code, answer.json["error"]) == (503, "UNAVAILABLE")
