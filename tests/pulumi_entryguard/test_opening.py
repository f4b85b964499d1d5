"""A session that is waited for while the server behind a proxy is away."""

import pytest

from pulumi_entryguard import sign_in
from pulumi_entryguard.client import Client
from pulumi_entryguard.endpoint import api_key, parse_endpoint
from pulumi_entryguard.opening import Watch
from pulumi_entryguard.signals import NotedSignals
from tests.pulumi_entryguard.entryguard_standin import API_KEY, EntryGuard


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_session_is_waited_for_though_the_server_is_away_behind_its_proxy(
    entryguard: EntryGuard, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    impatient = Client(parse_endpoint(entryguard.url), api_key(API_KEY), patience=0.0)
    monkeypatch.setattr(sign_in, "client", lambda: impatient)
    entryguard.objects["sessions"] = {"7": {"id": "7", "status": "ACTIVE", "resourceIps": []}}
    for _ in range(2):
        entryguard.misbehave("GET", status=status, body=b"<html>The server is away</html>")

    with NotedSignals() as signals:
        Watch({"id": "7", "status": "PENDING", "resourceIps": []}, signals).until_open()

    assert len(entryguard.seen("GET")) == 3
