"""A tenant's URL that the server must not call is refused when it is given, and nothing is called to find out."""

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from api.credentials.models import Credential
from tests.api.published import CREATE_CREDENTIAL
from tests.proof.ledger import proven
from tests.proof.promises.unsafe_urls import forms
from tests.proof.world import World

APISIX, GCP = CREATE_CREDENTIAL["APISIX"], CREATE_CREDENTIAL["GCP"]


@contextmanager
def calls() -> Iterator[list[Any]]:
    """What this process connects to, and the names it looks up, in the block; but for Unix sockets, as Valkey's is."""
    heard: list[Any] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connect_and_tell(link: socket.socket, address: Any) -> None:
        if link.family != socket.AF_UNIX:
            heard.append(address)
        connect(link, address)

    def look_up_and_tell(host: Any, *more: Any, **options: Any) -> Any:
        heard.append(host)
        return look_up(host, *more, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_and_tell)
        patch.setattr(socket, "getaddrinfo", look_up_and_tell)
        yield heard


def _refusals(world: World, body: dict[str, Any], field: str, urls: list[str]) -> tuple[list[str], list[Any]]:
    """The URLs that were not refused as they should be, and what the server called meanwhile."""
    taken = []
    with calls() as called:
        for url in urls:
            wanted = {**body, "credentialData": {**body["credentialData"], field: url}}
            answer = world.client.post("/api/v1/credentials", json=wanted, headers=world.crowd.ada)
            if answer.status_code != 400 or answer.get_json()["error"] not in ("UNSAFE_URL", "VALIDATION_ERROR"):
                taken.append(url)
    return taken, called


def test_no_unsafe_url_of_a_gateway_is_kept_or_called(world: World) -> None:
    urls = forms()
    before = Credential.select().count()

    taken, called = _refusals(world, APISIX, "apiUrl", urls)

    assert (taken, called) == ([], [])
    assert Credential.select().count() == before
    assert len(urls) >= 200
    proven("P18", "unsafe URLs of a gateway, given with a credential", f"{len(urls)} of {len(urls)} refused, 0 calls")


def test_no_token_endpoint_but_googles_is_kept_or_called(world: World) -> None:
    own = GCP["credentialData"]["token_uri"]
    near = [
        f"{own}/",
        f"{own}?x",
        f"{own}#",
        own.upper(),
        f" {own}",
        own.replace("https", "http"),
        f"{own}.example.com",
    ]
    near += [own.replace("googleapis.com", "googleapis.com.example.com"), own.replace("//", "//x@"), f"{own}%00"]
    urls = [*near, *forms()]

    taken, called = _refusals(world, GCP, "token_uri", urls)

    assert (taken, called) == ([], [])
    proven("P18", "token endpoints that are not Google's", f"{len(urls)} of {len(urls)} refused, 0 calls")


def test_what_is_called_would_be_heard(world: World) -> None:
    """Else the other tests prove nothing of calls."""

    with calls() as called, socket.socket() as link, contextlib.suppress(OSError):
        socket.getaddrinfo("127.0.0.1", 1)
        link.connect(("127.0.0.1", 1))

    assert called == ["127.0.0.1", ("127.0.0.1", 1)]


def test_a_good_gateway_is_kept_without_a_call(world: World) -> None:
    with calls() as called:
        answer = world.client.post("/api/v1/credentials", json=APISIX, headers=world.crowd.ada)

    assert (answer.status_code, called) == (201, [])
