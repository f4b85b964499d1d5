"""A URL that the server must not call is not called either where it got past the check at its creation.

Also not where a name leads elsewhere the next time, and not where a gateway sends its caller on.
"""

import contextlib
import socket
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_network
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Target, Unreachable
from api.clouds.rules import Kept
from api.network import may_be_called
from tests.clouds.bad_servers import LOOPBACK, resolving, saying, serving
from tests.clouds.sites import HERE, a_rule
from tests.proof.ledger import proven
from tests.proof.promises.forbidden_servers import HOSTS, Forbidden, forbidden_servers, watched_calls
from tests.proof.promises.unsafe_urls import forms, written
from tests.proof.scale import FULL

pytestmark = pytest.mark.timeout(1800 if FULL else 600)

URLS_OF_A_KEY = ("token_uri", "auth_uri", "auth_provider_x509_cert_url", "client_x509_cert_url", "universe_domain")
NOBODY = "https://127.0.0.1:1"
ROUTE = Target(None, "orders", "GATEWAY_ROUTE")
REDIRECTS = (301, 302, 303, 307, 308)
GATEWAY = "gateway.example"
ROUNDS = 1000 if FULL else 20
# Refused at creation for how they are written; what they name may be called.
_PUBLIC = ("http://8.8.8.8", "https://8.8.8")
# A key is read and signed with for each of its URLs, which takes a while.
EVERY = 1 if FULL else 8


@pytest.fixture(scope="module")
def forbidden() -> Iterator[Forbidden]:
    with forbidden_servers() as servers:
        yield servers


def by_default() -> Endpoints:
    """As the settings are where nobody set any."""
    return Endpoints(may_be_called=partial(may_be_called, allowed_private=()), connect_seconds=0.5, read_seconds=1.0)


def with_one_gateway() -> Endpoints:
    """The operator allows one private gateway."""
    only = partial(may_be_called, allowed_private=(ip_network(f"{LOOPBACK}/32"),))
    return Endpoints(may_be_called=only, connect_seconds=0.5, read_seconds=1.0)


def unguarded() -> Endpoints:
    return Endpoints(may_be_called=lambda _: True, connect_seconds=0.5, read_seconds=1.0)


def gateway(url: str, endpoints: Endpoints) -> Connection:
    return CLOUDS["APISIX"].connect({"apiUrl": url, "apiKey": "a-key"}, endpoints)


def everything_asked(connection: Connection) -> list[str]:
    """What each question ends in."""
    kept = Kept(a_rule("81.2.69.142/32"), added=True)
    said = []
    for ask in (
        lambda: connection.verify([]),
        lambda: connection.inspect(ROUTE),
        lambda: connection.visible(None),
        lambda: connection.rules(ROUTE, HERE, [kept]),
        lambda: connection.apply(ROUTE, kept),
        lambda: connection.revoke(ROUTE, kept),
    ):
        with pytest.raises((Refused, Unreachable)) as caught:
            ask()
        said.append(str(caught.value))
    return said


def urls_to(port: int) -> list[str]:
    """All that name nothing public, among them the ways to the servers that listen at `port`."""
    hosts = [host for address in (*HOSTS, LOOPBACK) for host in written(address)]
    hosts += ["localhost", "0.0.0.0", "0", "[::]", "internal.example"]  # noqa: S104 - nothing binds to it
    named = [url for url in forms() if url not in _PUBLIC]
    return [*named, *(f"http://{host}:{port}" for host in hosts), *(f"https://{host}:{port}/x" for host in hosts)]


def test_no_forbidden_gateway_is_connected_to(forbidden: Forbidden) -> None:
    urls = urls_to(forbidden.port)
    with watched_calls(forbidden.port) as called:
        for url in urls:
            with pytest.raises((Refused, Unreachable)):
                gateway(url, by_default()).verify([])

    assert (called, forbidden.connections) == ([], 0)
    assert len(urls) >= 200
    proven("P18", "URLs of a gateway that got past creation, asked by the adapter", f"{len(urls)} URLs, 0 connections")


def test_without_the_guard_those_urls_would_be_connected_to() -> None:
    """Else the test above proves nothing."""
    with forbidden_servers() as servers, watched_calls(servers.port) as called:
        urls = urls_to(servers.port)[::8]
        dangerous = 0
        for url in urls:
            before = len(called)
            with contextlib.suppress(Refused, Unreachable):
                gateway(url, unguarded()).verify([])
            dangerous += len(called) > before

        assert dangerous > len(urls) / 2
        assert servers.connections > 0


def test_no_url_of_a_service_account_is_connected_to(forbidden: Forbidden) -> None:
    urls = urls_to(forbidden.port)[::EVERY]
    operators = Endpoints(gcp_token=NOBODY, gcp_compute=NOBODY, gcp_resource_manager=NOBODY)
    key = {"type": "service_account", "project_id": "acme", "client_email": "a@acme.example", "private_key": a_key()}
    with watched_calls(forbidden.port) as called:
        for url in urls:
            with pytest.raises(Unreachable):
                CLOUDS["GCP"].connect(key | dict.fromkeys(URLS_OF_A_KEY, url), operators).verify([])

    assert set(called) == {("127.0.0.1", 1)}
    assert forbidden.connections == 0
    proven("P18", "hostile URLs in all fields of a service account's key", f"{len(urls)} URLs, 0 connections")


@pytest.mark.parametrize("status", REDIRECTS)
def test_no_redirect_of_a_gateway_leads_to_a_forbidden_address(forbidden: Forbidden, status: int) -> None:
    places = [f"http://{host}:{forbidden.port}/" for address in HOSTS for host in written(address)]
    for place in places if FULL else places[:: len(REDIRECTS)]:
        with serving(moved(status, place)) as (port, asked):
            said = everything_asked(gateway(f"http://{LOOPBACK}:{port}", with_one_gateway()))

        assert said == [f"something answered that is not APISIX (HTTP {status})"] * len(said)
        assert len(asked) == len(said)
    assert forbidden.connections == 0
    proven("P18", f"a gateway that answers {status} to forbidden addresses", "0 connections")


def test_a_name_that_leads_elsewhere_each_time_is_judged_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding. The gateway ends each connection, so the next question looks the name up anew."""
    asked: list[str] = []
    allowed, other = resolving(LOOPBACK), resolving(HOSTS[0])
    look_up = socket.getaddrinfo

    def rebinding(host: Any, *others: Any, **options: Any) -> Any:
        if host != GATEWAY:
            return look_up(host, *others, **options)
        asked.append(host)
        return (allowed if len(asked) % 2 else other)(host, *others, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with (
        serving(saying(b'{"list": [], "total": 0}')) as (port, seen),
        serving(saying(b"{}"), host=HOSTS[0], port=port) as (_, wrong),
    ):
        for _ in range(ROUNDS):
            with pytest.raises(Refused) as caught:
                gateway(f"http://{GATEWAY}:{port}", with_one_gateway()).verify([])
            assert caught.value.code == "UnsafeUrl"

    assert (len(asked), len(seen), len(wrong)) == (2 * ROUNDS, ROUNDS, 0)
    proven("P18", "a gateway's name that leads to a forbidden address every other time", f"{ROUNDS} times, 0 calls")


@pytest.mark.parametrize("address", HOSTS)
def test_one_forbidden_address_among_a_names_addresses_is_enough(
    forbidden: Forbidden, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving(LOOPBACK, address))
    with serving(saying(b"{}")) as (port, seen):
        said = everything_asked(gateway(f"http://{GATEWAY}:{port}", with_one_gateway()))

    assert said == [f"UnsafeUrl: {CLOUDS['APISIX'].hints['UnsafeUrl']}"] * len(said)
    assert (seen, forbidden.connections) == ([], 0)


def a_key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()


def moved(status: int, place: str) -> Any:
    answer = f"HTTP/1.1 {status} Moved\r\nLocation: {place}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    return lambda channel: channel.sendall(answer)
