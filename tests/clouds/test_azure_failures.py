"""Azure not answering, or not as itself, is no verdict."""

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Target, Unreachable, Verified
from api.clouds.azure_client import session_for
from api.clouds.azure_login import ServicePrincipal
from api.clouds.base import Throttled
from api.clouds.rules import Kept
from tests.clouds.azure_faults import (
    Fault,
    answering,
    answering_as_is,
    entra_answering,
    operations_at,
    silent,
    slow,
)
from tests.clouds.azure_standin import NETWORK_CONTRIBUTOR, AzureStandIn
from tests.clouds.sites import HERE, a_rule

RULE = Kept(a_rule("81.2.69.142/32"))


@pytest.fixture
def connection(azure: AzureStandIn, at_azure: Endpoints) -> Connection:
    return CLOUDS["AZURE"].connect(azure.credential_data(), at_azure)


@pytest.fixture
def target(azure: AzureStandIn) -> Target:
    return azure.target()


@pytest.fixture
def elsewhere() -> Iterator[socket.socket]:
    """A host that nobody is to call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        yield listener


def url_of(listener: socket.socket) -> str:
    return f"https://127.0.0.1:{listener.getsockname()[1]}"


def at(endpoints: Endpoints, service: str, url: str) -> Endpoints:
    if service == "entra":
        return replace(endpoints, azure_authority=url)
    return replace(endpoints, azure_resource_manager=url)


def assert_not_called(listener: socket.socket) -> None:
    with pytest.raises(TimeoutError):
        listener.accept()


@pytest.mark.parametrize(
    "fault",
    [
        answering(503, "ServiceUnavailable", Retry_After="3600"),
        answering(500, "InternalServerError"),
        answering(429, "TooManyRequests", Retry_After="3600"),
        answering(408, "RequestTimeout"),
        answering(401, "ExpiredAuthenticationToken", "this machine's clock is off"),
        answering_as_is(503, "", services=["entra"], Retry_After="3600"),
        answering_as_is(429, "", services=["entra"], Retry_After="3600"),
        entra_answering(400, 90033),
        entra_answering(400, 50196),
        answering_as_is(200, "<html>Sign in to the network</html>"),
        answering_as_is(200, "<html>Sign in to the network</html>", services=["arm"]),
        answering_as_is(403, "<html>Blocked by your company</html>"),
        answering_as_is(403, "<html>Blocked by your company</html>", services=["arm"]),
        answering_as_is(404, "x"),
        answering_as_is(200, "[]"),
        answering_as_is(200, "[]", services=["arm"]),
        answering_as_is(200, "{}", services=["entra"]),
        answering_as_is(400, '{"error": "none of Entra\'s"}', services=["entra"]),
        answering_as_is(200, '"text"', services=["arm"]),
        answering_as_is(200, "", services=["arm"]),
    ],
    # Without the trace that Entra makes up anew: tests are told apart by what stays.
    ids=lambda fault: " ".join(str(value) for value in fault.settings.values()).partition("Trace ID")[0],
)
def test_an_answer_that_passes_is_no_verdict(azure: AzureStandIn, connection: Connection, fault: Fault) -> None:
    began = time.monotonic()

    with azure.faulty(fault), pytest.raises(Unreachable):
        connection.verify([])

    assert time.monotonic() - began < 20, "the SDK slept for as long as the answer asked it to"


@pytest.mark.parametrize("body", ["{}", "[]", '{"id": "x", "properties": {"securityRules": []}}', "<html></html>"])
def test_an_answer_about_something_else_is_not_taken_for_a_group_without_rules(
    azure: AzureStandIn, connection: Connection, target: Target, body: str
) -> None:
    with azure.faulty(answering_as_is(200, body, services=["arm"])), pytest.raises(Unreachable):
        connection.rules(target, HERE, [RULE])


@pytest.mark.parametrize("rules", [None, [{}], [{"name": "x"}], [{"name": "x", "properties": {"priority": "first"}}]])
def test_a_group_whose_rules_cannot_be_read_is_no_verdict(
    azure: AzureStandIn, connection: Connection, target: Target, rules: object
) -> None:
    body = json.dumps({"id": target.identifier, "properties": {"securityRules": rules}})

    with azure.faulty(answering_as_is(200, body, services=["arm"])), pytest.raises(Unreachable):
        connection.rules(target, HERE, [RULE])


@pytest.mark.parametrize("services", [("entra",), ("arm",), ("entra", "arm")], ids=" and ".join)
def test_a_silent_cloud_is_unreachable_within_the_time_limits(
    azure: AzureStandIn, at_azure: Endpoints, connection: Connection, services: tuple[str, ...]
) -> None:
    began = time.monotonic()

    with azure.faulty(silent(services=services)), pytest.raises(Unreachable):
        connection.verify([])

    # Two attempts, and what a busy machine needs besides.
    assert time.monotonic() - began < 2 * at_azure.read_seconds + 3


def test_a_change_that_is_not_answered_is_unreachable_within_the_time_limits(
    azure: AzureStandIn, at_azure: Endpoints, connection: Connection, target: Target
) -> None:
    connection.verify([target])
    began = time.monotonic()

    with azure.faulty(silent(services=["arm"])), pytest.raises(Unreachable):
        connection.revoke(target, RULE)

    assert time.monotonic() - began < 2 * at_azure.read_seconds + 3


@pytest.mark.parametrize("service", ["entra", "arm"])
def test_a_host_that_takes_no_connection_is_unreachable(azure: AzureStandIn, at_azure: Endpoints, service: str) -> None:
    with socket.socket() as bound:  # bound, and so nobody else's, but not listening
        bound.bind(("127.0.0.1", 0))
        nowhere = at(at_azure, service, url_of(bound))

        with pytest.raises(Unreachable):
            CLOUDS["AZURE"].connect(azure.credential_data(), nowhere).verify([])


@pytest.mark.parametrize("service", ["entra", "arm"])
def test_nothing_is_sent_without_encryption(
    azure: AzureStandIn, at_azure: Endpoints, elsewhere: socket.socket, service: str
) -> None:
    plain = at(at_azure, service, url_of(elsewhere).replace("https", "http"))

    with pytest.raises(Unreachable):
        CLOUDS["AZURE"].connect(azure.credential_data(), plain).verify([])
    assert_not_called(elsewhere)


def test_a_host_with_a_certificate_of_somebody_else_is_unreachable(azure: AzureStandIn, at_azure: Endpoints) -> None:
    with pytest.raises(Unreachable):
        CLOUDS["AZURE"].connect(azure.credential_data(), replace(at_azure, ca_bundle=None)).verify([])


def test_a_slow_cloud_is_waited_for(azure: AzureStandIn, connection: Connection, target: Target) -> None:
    with azure.faulty(slow(0.3)):
        assert connection.verify([target]) == Verified(azure.subscription)


@pytest.mark.parametrize(
    "fault",
    [silent(), answering_as_is(503, "", Retry_After="3600"), answering_as_is(400, "{}"), answering_as_is(200, "x")],
    ids=lambda fault: " ".join(str(value) for value in fault.settings.values()),
)
def test_a_connection_works_again_at_once(azure: AzureStandIn, connection: Connection, fault: Fault) -> None:
    """MSAL would go on with a failure for 5 s, 60 s, or as long as it was asked to."""
    with azure.faulty(fault), pytest.raises(Unreachable):
        connection.verify([])

    assert connection.verify([]) == Verified(azure.subscription)


def test_a_token_that_was_refused_is_asked_for_anew(azure: AzureStandIn, at_azure: Endpoints) -> None:
    """As between two verifications. MSAL gives the same answer for a minute, without asking."""
    disabled = azure.principal()
    azure.give(disabled, NETWORK_CONTRIBUTOR, error=7000112)
    with session_for(at_azure) as session:
        principal = ServicePrincipal(disabled.credential_data, session, at_azure)
        with pytest.raises(Refused):
            principal.get_token(f"{azure.resource_manager}/.default")

        azure.give(disabled, NETWORK_CONTRIBUTOR)

        assert principal.get_token(f"{azure.resource_manager}/.default").token


@pytest.mark.parametrize("services", [("entra",), ("arm",)], ids=str)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nobody_is_sent_elsewhere(
    azure: AzureStandIn, connection: Connection, elsewhere: socket.socket, services: tuple[str], status: int
) -> None:
    fault = answering_as_is(status, "", services=services, Location=f"{url_of(elsewhere)}/")

    with azure.faulty(fault), pytest.raises(Unreachable):
        connection.verify([])
    assert_not_called(elsewhere)


def test_an_operation_of_another_host_is_not_asked_about(
    azure: AzureStandIn, connection: Connection, target: Target, elsewhere: socket.socket
) -> None:
    with azure.faulty(operations_at(url_of(elsewhere))), pytest.raises(Unreachable):
        connection.apply(target, RULE)
    assert_not_called(elsewhere)


def test_a_page_of_another_host_is_not_asked_for(
    azure: AzureStandIn, connection: Connection, elsewhere: socket.socket
) -> None:
    page = json.dumps({"value": [], "nextLink": f"{url_of(elsewhere)}/more"})
    connection.verify([])

    with azure.faulty(answering_as_is(200, page, services=["arm"])), pytest.raises(Unreachable):
        connection.visible(None)
    assert_not_called(elsewhere)


def test_no_secret_goes_to_an_endpoint_that_is_not_the_authoritys(
    azure: AzureStandIn, connection: Connection, elsewhere: socket.socket
) -> None:
    home = f"{url_of(elsewhere)}/tenant"
    configuration = json.dumps({"token_endpoint": f"{home}/token", "authorization_endpoint": home, "issuer": home})

    with azure.faulty(answering_as_is(200, configuration, services=["entra"])), pytest.raises(Unreachable):
        connection.verify([])
    assert_not_called(elsewhere)


def test_a_subscription_is_not_registered_for_a_service(
    azure: AzureStandIn, connection: Connection, target: Target
) -> None:
    """The SDK would, and look every 10 s whether that is done."""
    connection.verify([])
    before = len(azure.calls)

    fault = answering(409, "MissingSubscriptionRegistration", "It is not registered to use 'Microsoft.Network'.")
    with azure.faulty(fault), pytest.raises(Refused, match=r"^MissingSubscriptionRegistration: "):
        connection.revoke(target, RULE)

    assert [call.split()[1] for call in azure.calls[before:]] == ["DELETE"]


def test_throttling_of_entra_is_told_as_such(azure: AzureStandIn, connection: Connection) -> None:
    with azure.faulty(answering_as_is(429, "", services=["entra"])), pytest.raises(Throttled):
        connection.verify([])


@pytest.mark.parametrize("code", ["SomethingNew", "InvalidAuthenticationToken"])
def test_no_text_of_the_clouds_is_handed_on(azure: AzureStandIn, connection: Connection, code: str) -> None:
    with azure.faulty(answering(400, code, "Trace ID: 6c1e1a52")), pytest.raises(Refused) as caught:
        connection.verify([])

    assert str(caught.value) == f"{code}: {CLOUDS['AZURE'].hints.get(code, 'Azure refuses this')}"
    assert caught.value.__context__ is None
