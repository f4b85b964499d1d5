"""Reading the trail without the API between."""

from datetime import timedelta
from typing import Any

import pytest

from api import audit
from api.accounts.models import Organisation
from api.actor import Actor
from api.audit_log import service
from api.audit_log.models import AuditEntry
from api.audit_log.service import AuditFilter
from api.database import clock, current_time, write
from tests.rows import make_organisation

pytestmark = pytest.mark.usefixtures("standing_clock")


@pytest.fixture
def organisation(db: str) -> Organisation:
    return make_organisation()


def record(organisation: Organisation, *event_types: str, email: str | None = None) -> None:
    actor = Actor("USER", organisation.id, "test", email=email)
    with write():
        for event_type in event_types:
            audit.record(actor, event_type)


def types(entries: Any) -> list[str]:
    return [entry.event_type for entry in entries]


def test_events_are_listed_by_organisation_and_page_the_last_one_first(organisation: Organisation) -> None:
    record(make_organisation(), "OTHER")
    record(organisation, "A", "B", "C")

    assert types(service.listed(organisation.id, AuditFilter()).rows) == ["C", "B", "A"]
    assert types(service.listed(organisation.id, AuditFilter(limit=2)).rows) == ["C", "B"]


def test_what_is_asked_for_comes_alone(organisation: Organisation) -> None:
    start = current_time()
    for number, email in enumerate(("ada@example.com", "bo@example.com", "ada@example.com")):
        record(organisation, f"EVENT_{number}", email=email)
        clock.offset += 1
    second = start + timedelta(microseconds=1)

    def found(**wanted: Any) -> list[str]:
        return types(service.every(organisation.id, AuditFilter(**wanted)))

    assert found(event_type="EVENT_1") == ["EVENT_1"]
    assert found(actor_email="ada@example.com") == ["EVENT_0", "EVENT_2"]
    assert found(earliest=second) == ["EVENT_1", "EVENT_2"]
    assert found(latest=second) == ["EVENT_0"]
    assert found(event_type="EVENT_0", actor_email="bo@example.com") == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_every_event_comes_once_in_portions(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(service, "_PORTION", 2)
    names = [f"EVENT_{number}" for number in range(count)]
    record(organisation, *names)
    record(make_organisation(), "OTHER")

    assert types(service.every(organisation.id, AuditFilter())) == names
    assert AuditEntry.select().count() == count + 1
