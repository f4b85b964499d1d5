"""Google not answering, or not as itself, is no verdict; and nothing that it says is handed on."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Target, Unreachable, Verified
from api.clouds.base import Throttled
from api.clouds.rules import Kept, State
from tests.clouds.gcp_standin import (
    Fault,
    GcpProject,
    GcpStandIn,
    answering,
    answering_as_is,
    answering_token,
    silent,
    slow,
)
from tests.clouds.sites import HERE, a_rule, state

PAGE = "<html>Sign in to the network</html>"
PORTAL = '{"ok": true}'


@pytest.fixture
def project(gcp: GcpStandIn) -> GcpProject:
    return gcp.project()


@pytest.fixture
def connection(project: GcpProject, at_gcp: Endpoints) -> Connection:
    return CLOUDS["GCP"].connect(project.credential_data(), at_gcp)


@pytest.mark.parametrize(
    "fault",
    [
        answering(503, "backendError"),
        answering(500, "INTERNAL_ERROR"),
        answering(400, "resourceNotReady"),
        answering(412, "conditionNotMet"),
        answering(503, "SERVICE_UNAVAILABLE", services=["resource_manager"]),
        answering_token(503, "temporarily_unavailable"),
        answering_token(500, "internal_failure"),
        answering_token(400, "server_error"),
        *(answering_as_is(status, PAGE) for status in (200, 400, 403, 404, 502)),
        *(answering_as_is(status, PORTAL) for status in (200, 404)),
        *(answering_as_is(200, PORTAL, services=[service]) for service in ("resource_manager", "compute")),
        *(answering_as_is(200, body, services=["token"]) for body in ("[]", '"ya29"', "7", "null", "{}")),
        answering_as_is(200, '{"access_token": 7, "expires_in": 1}', services=["token"]),
        answering_as_is(200, '{"access_token": "t", "expires_in": "soon"}', services=["token"]),
        answering_as_is(200, '{"access_token": "t", "expires_in": 1e300}', services=["token"]),
        answering_as_is(200, '{"access_token": "t\\r\\nX: y", "expires_in": 60}', services=["token"]),
        answering_as_is(200, '{"access_token": "\\ud800", "expires_in": 60}', services=["token"]),
        answering_as_is(400, "[]", services=["token"]),
        answering_as_is(400, '{"error": ["x"]}', services=["token"]),
        *(answering_as_is(403, body, services=["compute"]) for body in ("[]", '{"error": []}', '{"error": {}}')),
        answering_as_is(200, '{"kind": "compute#firewallList", "items": 7}', services=["compute"]),
        answering_as_is(200, '{"kind": "compute#firewallList", "items": [{"priority": "x"}]}', services=["compute"]),
        answering_as_is(200, '{"permissions": "all"}', services=["resource_manager"]),
        answering_as_is(200, '{"permissions": [{}]}', services=["resource_manager"]),
        answering_as_is(200, "x" * (1024 * 1024 + 1)),
        answering_as_is(302, "", headers={"Location": "https://127.0.0.1:1/"}),
        answering_as_is(307, "", headers={"Location": "/token"}),
    ],
    ids=lambda fault: " ".join(str(value)[:60] for value in fault.settings.values()),
)
def test_an_answer_that_passes_is_no_verdict(project: GcpProject, connection: Connection, fault: Fault) -> None:
    with project.google.faulty(fault), pytest.raises(Unreachable) as caught:
        connection.verify([])

    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "fault",
    [
        answering(403, "rateLimitExceeded"),
        answering(403, "userRateLimitExceeded"),
        answering(429, "RATE_LIMIT_EXCEEDED", services=["resource_manager"]),
        answering_token(429, "rate_limit_exceeded"),
        answering_as_is(429, PAGE),
    ],
    ids=lambda fault: " ".join(str(value)[:60] for value in fault.settings.values()),
)
def test_a_cloud_that_is_asked_too_often_says_so_wherever_it_is_asked(
    project: GcpProject, connection: Connection, fault: Fault
) -> None:
    with project.google.faulty(fault), pytest.raises(Throttled):
        connection.verify([])


@pytest.mark.parametrize("body", [PAGE, PORTAL, "{}", "[]"])
@pytest.mark.parametrize("status", [200, 404])
def test_somebody_elses_answer_does_not_say_that_a_rule_is_gone(
    project: GcpProject, connection: Connection, status: int, body: str
) -> None:
    target, rule = project.target(), a_rule("81.2.69.142/32")
    kept = Kept(rule, connection.apply(target, Kept(rule)))

    with project.google.faulty(answering_as_is(status, body, services=["compute"])):
        for ask in (lambda: connection.rules(target, HERE, [kept]), lambda: connection.revoke(target, kept)):
            with pytest.raises(Unreachable):
                ask()

    assert state(connection, target, kept) is State.PRESENT


def test_a_list_without_an_end_is_given_up(project: GcpProject, connection: Connection) -> None:
    page = '{"kind": "compute#firewallList", "nextPageToken": "again"}'
    endless, target = answering_as_is(200, page, services=["compute"]), project.target()

    with project.google.faulty(endless), pytest.raises(Unreachable, match="does not end"):
        connection.rules(target, HERE, [])


@pytest.mark.parametrize(
    "ask",
    [
        lambda connection, target: connection.verify([target]),
        lambda connection, target: connection.inspect(target),
        lambda connection, target: connection.apply(target, Kept(a_rule("81.2.69.142/32"))),
    ],
    ids=["verify", "inspect", "apply"],
)
def test_a_silent_cloud_is_unreachable_within_the_time_limits(
    project: GcpProject, at_gcp: Endpoints, ask: Callable[[Connection, Target], object]
) -> None:
    endpoints = replace(at_gcp, read_seconds=1.0)
    connection, target = CLOUDS["GCP"].connect(project.credential_data(), endpoints), project.target()
    began = time.monotonic()

    with project.google.faulty(silent()), pytest.raises(Unreachable):
        ask(connection, target)

    assert time.monotonic() - began < 2 * endpoints.read_seconds + 4


@pytest.mark.parametrize("setting", ["gcp_token", "gcp_compute", "gcp_resource_manager"])
def test_a_host_that_takes_no_connection_is_unreachable(
    project: GcpProject, at_gcp: Endpoints, closed_port: int, setting: str
) -> None:
    elsewhere = replace(at_gcp, **{setting: f"https://127.0.0.1:{closed_port}"})  # type: ignore[arg-type]

    with pytest.raises(Unreachable, match="did not answer"):
        CLOUDS["GCP"].connect(project.credential_data(), elsewhere).verify([])


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:  # bound, and so nobody else's, but not listening
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_host_whose_certificate_nobody_vouches_for_is_unreachable(project: GcpProject, at_gcp: Endpoints) -> None:
    with pytest.raises(Unreachable, match="SSLError"):
        CLOUDS["GCP"].connect(project.credential_data(), replace(at_gcp, ca_bundle=None)).verify([])


def test_a_slow_cloud_is_waited_for(project: GcpProject, connection: Connection) -> None:
    with project.google.faulty(slow(0.3)):
        assert connection.verify([]) == Verified(project.name)


def test_a_connection_works_again_after_a_silence(project: GcpProject, at_gcp: Endpoints) -> None:
    connection = CLOUDS["GCP"].connect(project.credential_data(), replace(at_gcp, read_seconds=1.0))
    with project.google.faulty(silent()), pytest.raises(Unreachable):
        connection.verify([])

    assert connection.verify([]) == Verified(project.name)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (answering(400, "somethingNew", "secret"), "somethingNew: Google refuses this"),
        (answering(400, "invalid", "secret"), "invalid: Google doesn't take this firewall rule for the network"),
        (answering(401, "authError", "secret"), "authError: Service account is disabled, or its project is"),
        (answering_token(400, "invalid_grant", "secret"), "invalid_grant: Service account key is invalid or revoked"),
        (answering_token(401, "unauthorized_client", "secret"), "unauthorized_client: Google refuses this"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_text_of_the_clouds_is_handed_on(
    project: GcpProject, connection: Connection, fault: Fault, said: str
) -> None:
    with project.google.faulty(fault), pytest.raises(Refused) as caught:
        connection.verify([])

    assert str(caught.value) == said
    assert caught.value.__context__ is None


def test_a_code_that_is_none_is_not_handed_on(project: GcpProject, connection: Connection) -> None:
    with project.google.faulty(answering_token(400, "internal secret page")), pytest.raises(Unreachable) as caught:
        connection.verify([])

    assert "secret" not in str(caught.value)
