"""A session that is waited for while the server behind a proxy is away."""

import pytest

from pulumi_entryguard import opening, sign_in
from pulumi_entryguard.client import Client
from pulumi_entryguard.endpoint import api_key, parse_endpoint
from pulumi_entryguard.opening import Watch, close
from pulumi_entryguard.signals import NotedSignals
from tests.pulumi_entryguard.entryguard_standin import API_KEY, EntryGuard


@pytest.fixture(autouse=True)
def impatient(entryguard: EntryGuard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody is signed in, whose requests are tried once."""
    client = Client(parse_endpoint(entryguard.url), api_key(API_KEY), patience=0.0)
    monkeypatch.setattr(sign_in, "client", lambda: client)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_session_is_waited_for_though_the_server_is_away_behind_its_proxy(
    entryguard: EntryGuard, status: int
) -> None:
    entryguard.objects["sessions"] = {"7": {"id": "7", "status": "ACTIVE", "resourceIps": []}}
    for _ in range(2):
        entryguard.misbehave("GET", status=status, body=b"<html>The server is away</html>")

    with NotedSignals() as signals:
        Watch({"id": "7", "status": "PENDING", "resourceIps": []}, signals).until_open()

    assert len(entryguard.seen("GET")) == 3


EARLIER, LATER = "2026-02-18T12:30:00Z", "2026-02-18T14:30:00Z"


@pytest.fixture
def never_answered(entryguard: EntryGuard, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who closes a session is not answered; what he is told of that."""
    monkeypatch.setattr(opening, "CLOSING_SECONDS", -1.0)
    entryguard.misbehave("POST", status=504, body=b"<html>The server is away</html>")
    why = f"HTTP_504: the proxy at {entryguard.url} gets no answer from EntryGuard"
    return f"whether session 7 is closed is not known: {why}; `entryguard close 7` closes it"


def test_who_tried_to_close_a_session_and_never_heard_of_it_is_told_when_it_ends_by_now(
    entryguard: EntryGuard, never_answered: str, capsys: pytest.CaptureFixture[str]
) -> None:
    entryguard.objects["sessions"] = {"7": {"id": "7", "expiresAt": LATER, "endedAt": None}}

    assert not close({"id": "7", "expiresAt": EARLIER})

    assert capsys.readouterr().err == f"{never_answered}; it ends at {LATER}\n"


def test_who_does_not_hear_when_it_ends_either_is_told_until_when_it_was_opened(
    entryguard: EntryGuard, never_answered: str, capsys: pytest.CaptureFixture[str]
) -> None:
    entryguard.misbehave("GET", status=504, body=b"<html>The server is away</html>")

    assert not close({"id": "7", "expiresAt": EARLIER})

    assert capsys.readouterr().err == f"{never_answered}; it was opened until {EARLIER}\n"


@pytest.mark.usefixtures("never_answered")
def test_what_was_closed_without_an_answer_is_seen_to_be_closed(
    entryguard: EntryGuard, capsys: pytest.CaptureFixture[str]
) -> None:
    over = {"id": "7", "expiresAt": EARLIER, "endedAt": "2026-02-18T12:00:00Z", "endedReason": "MANUAL"}
    entryguard.objects["sessions"] = {"7": over}

    assert close({"id": "7", "expiresAt": EARLIER})

    assert capsys.readouterr().err == "session 7 is closed (MANUAL)\n"
