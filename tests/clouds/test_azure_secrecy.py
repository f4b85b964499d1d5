"""Nothing that is logged or raised holds a secret, a token or an id of Entra's, and only what is set is called."""

import logging
import socket
import traceback
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Unreachable, Verified, http
from api.clouds.base import before_call
from api.clouds.rules import Kept
from tests.clouds.azure_faults import answering_as_is, entra_answering, silent
from tests.clouds.azure_standin import AzureStandIn, Principal, as_target
from tests.clouds.sites import HERE, a_rule

PAGE = "an internal page that holds a password"


def connected(principal: Principal, endpoints: Endpoints) -> Connection:
    return CLOUDS["AZURE"].connect(principal.credential_data, endpoints)


def everything_that_can_go_wrong(azure: AzureStandIn, at_azure: Endpoints, good: Principal) -> list[Exception]:
    """Each error of a wrong secret, an unknown application and tenant, no role, and strange and silent clouds."""
    wrong = [
        replace(good, secret="Wrong~Secret.Wrong"),
        replace(good, client=str(uuid.uuid4())),
        replace(good, tenant=str(uuid.uuid4())),
        azure.principal(None, secret=good.secret),
    ]
    raised: list[Exception] = []
    target = azure.target()
    for principal in wrong:
        with pytest.raises(Refused) as refused:
            connected(principal, at_azure).verify([target])
        raised.append(refused.value)
    with pytest.raises(Refused) as missing:
        connected(good, at_azure).inspect(as_target(azure.no_group()))
    raised.append(missing.value)
    for fault in (answering_as_is(200, PAGE), answering_as_is(400, PAGE), entra_answering(400, 90033), silent()):
        with azure.faulty(fault), pytest.raises(Unreachable) as unreachable:
            connected(good, at_azure).verify([target])
        raised.append(unreachable.value)
    return raised


def test_nothing_logged_or_raised_holds_a_secret(
    azure: AzureStandIn, at_azure: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    good = azure.principal()
    caplog.set_level(logging.DEBUG)
    caplog.clear()

    raised = everything_that_can_go_wrong(azure, at_azure, good)

    assert len(raised) == 9
    shown = caplog.text + "".join("".join(traceback.format_exception(error)) + repr(error) for error in raised)
    hosts = [urlsplit(url).netloc for url in (azure.authority, azure.resource_manager)]
    for part in (good.secret, "Wrong~Secret", PAGE, "Trace ID", "Correlation", "AADSTS", "Bearer", good.client, *hosts):
        assert part not in shown
    assert all(error.__context__ is None and error.__cause__ is None for error in raised)


def test_the_sdks_write_nothing_into_the_log(
    azure: AzureStandIn, at_azure: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    """azure-identity writes Entra's refusals as warnings, and msal what it cannot read as an error, whole."""
    caplog.set_level(logging.DEBUG)
    caplog.clear()

    connected(azure.principal(), at_azure).verify([azure.target()])
    everything_that_can_go_wrong(azure, at_azure, azure.principal())

    assert not [entry for entry in caplog.records if entry.name.split(".")[0] in ("azure", "msal", "urllib3")]


def test_a_connection_and_what_it_holds_show_no_secret(azure: AzureStandIn, at_azure: Endpoints) -> None:
    principal = azure.principal()
    connection = connected(principal, at_azure)
    connection.verify([])

    shown = repr(connection) + "".join(repr(value) for name, value in vars(connection).items() if name != "_secrets")

    assert principal.secret not in shown


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports that this process connects to, which keeps no connection that an earlier test has made."""
    http._operators_adapter.cache_clear()
    ports: list[int] = []
    connect: Callable[[socket.socket, Any], None] = socket.socket.connect

    def note(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            ports.append(address[1])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", note)
    return ports


def test_every_call_is_allowed_first_and_goes_where_the_operator_says(
    azure: AzureStandIn, at_azure: Endpoints, reached: list[int]
) -> None:
    target, kept = azure.target(), Kept(a_rule("81.2.69.142/32"))
    connection = connected(azure.principal(), at_azure)
    allowed: list[int] = []
    before = len(azure.calls)
    reached.clear()

    token = before_call.set(lambda: allowed.append(1))
    try:
        connection.verify([target])
        connection.verify([])
        connection.inspect(target)
        connection.visible(None)
        connection.apply(target, kept)
        connection.rules(target, HERE, [kept])
        connection.revoke(target, kept)
    finally:
        before_call.reset(token)

    assert set(reached) == {urlsplit(url).port for url in (azure.authority, azure.resource_manager)}
    assert len(allowed) == len(azure.calls) - before


def test_what_stops_a_call_for_a_token_comes_through_as_it_is(azure: AzureStandIn, at_azure: Endpoints) -> None:
    """azure-identity would make an authentication failure of it."""
    connection = connected(azure.principal(), at_azure)
    calls: list[int] = []

    def allow_one() -> None:
        calls.append(1)
        if len(calls) > 1:
            raise TimeoutError("the lease has run out")

    token = before_call.set(allow_one)
    try:
        with pytest.raises(TimeoutError, match="the lease has run out"):
            connection.verify([])
    finally:
        before_call.reset(token)
    assert len(calls) == 2


def test_a_token_is_kept_for_the_calls_after_the_first(azure: AzureStandIn, at_azure: Endpoints) -> None:
    target = azure.target()
    connection = connected(azure.principal(), at_azure)
    before = len(azure.calls)

    for _ in range(3):
        connection.rules(target, HERE, [])

    assert len([call for call in azure.calls[before:] if call.startswith("entra POST")]) == 1


def test_the_environments_azure_settings_have_no_say(
    azure: AzureStandIn, at_azure: Endpoints, monkeypatch: pytest.MonkeyPatch, reached: list[int]
) -> None:
    for name, value in {
        "AZURE_AUTHORITY_HOST": "https://127.0.0.1:1",
        "AZURE_REGIONAL_AUTHORITY_NAME": "westeurope",
        "AZURE_TENANT_ID": str(uuid.uuid4()),
        "AZURE_CLIENT_ID": str(uuid.uuid4()),
        "AZURE_CLIENT_SECRET": "of another",
        "MSAL_FORCE_REGION": "westeurope",
        "REGION_NAME": "westeurope",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "REQUESTS_CA_BUNDLE": "/nowhere/ca.pem",
    }.items():
        monkeypatch.setenv(name, value)

    assert connected(azure.principal(), at_azure).verify([]) == Verified(azure.subscription)
    assert 1 not in reached
