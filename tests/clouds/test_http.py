"""How the server calls out: to no forbidden address, no further than it was sent, and never for long."""

import gzip
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from api.clouds.base import Address, Endpoints
from api.clouds.http import AnswerTooLong, is_forbidden, operators_session, tenants_session
from api.network import may_be_called
from tests.clouds.bad_servers import HEAD, LOOPBACK, resolving, saying, serving, taking_nobody


def only_loopback(address: Address) -> bool:
    return address.is_loopback


def endpoints(judge: Callable[[Address], bool] = only_loopback, ca_bundle: Path | None = None) -> Endpoints:
    return Endpoints(may_be_called=judge, connect_seconds=0.5, read_seconds=1.0, ca_bundle=ca_bundle)


def trickling(channel: socket.socket) -> None:
    """Ten minutes of headers, one byte at a time: each of them comes within every time limit of a socket."""
    channel.sendall(HEAD + b"X-Long: ")
    for _ in range(6000):
        channel.sendall(b"a")
        time.sleep(0.1)


def dripping(head: bytes) -> Callable[[socket.socket], None]:
    """A body of which each byte comes within every time limit of a socket."""

    def answer(channel: socket.socket) -> None:
        channel.sendall(head)
        for _ in range(150):
            channel.sendall(b" ")
            time.sleep(0.1)

    return answer


@contextmanager
def serving_a_name(
    answer: Callable[[socket.socket], None], folder: Path, context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, Endpoints]]:
    """A server with a certificate for gateway.example, its URL, and what trusts it."""
    authority = trustme.CA()
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("gateway.example").configure_cert(context)
    with serving(answer, context) as (port, _):
        yield f"https://gateway.example:{port}/", endpoints(ca_bundle=bundle)


def test_an_allowed_host_is_called() -> None:
    with serving(saying(b'{"a": 1}')) as (port, _):
        answer = tenants_session(endpoints()).get(f"http://{LOOPBACK}:{port}/")

    assert answer.json() == {"a": 1}


@pytest.mark.parametrize("host", [LOOPBACK, "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"])
def test_a_forbidden_address_is_not_connected_to_however_it_is_written(host: str) -> None:
    with serving(saying(b"{}")) as (port, seen):
        with pytest.raises(requests.RequestException) as caught:
            tenants_session(endpoints(lambda address: may_be_called(address, ()))).get(f"http://{host}:{port}/")

        assert is_forbidden(caught.value)
        assert seen == []


def test_a_name_is_judged_by_each_of_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that is not ours gives a public address beside a private one."""
    monkeypatch.setattr(socket, "getaddrinfo", resolving("93.184.216.34", LOOPBACK))
    with serving(saying(b"{}")) as (port, seen):
        with pytest.raises(requests.RequestException) as caught:
            tenants_session(endpoints(lambda address: may_be_called(address, ()))).get(f"http://a.example:{port}/")

        assert is_forbidden(caught.value)
        assert seen == []


def test_the_address_that_was_judged_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding: the name leads to another address each time that it is asked for."""
    asked: list[str] = []

    def rebinding(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host == "rebinding.example":
            asked.append(host)
            return resolving(LOOPBACK if len(asked) == 1 else "127.0.0.66")(host, port)
        return resolving(host)(host, port)  # a literal address, which the socket layer looks up once more

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with serving(saying(b"{}")) as (port, seen):
        allowed = endpoints(lambda address: str(address) == LOOPBACK)
        assert tenants_session(allowed).get(f"http://rebinding.example:{port}/").ok
        with pytest.raises(requests.RequestException) as caught:
            tenants_session(allowed).get(f"http://rebinding.example:{port}/")

        assert is_forbidden(caught.value)
        assert len(asked) == 2
        assert seen == [1]


def test_a_redirect_is_not_followed() -> None:
    elsewhere: list[int]
    with serving(saying(b"{}")) as (other, elsewhere):
        moved = f"HTTP/1.1 307 Moved\r\nLocation: http://{LOOPBACK}:{other}/\r\nContent-Length: 0\r\n\r\n".encode()
        with serving(lambda channel: channel.sendall(moved)) as (port, _):
            answer = operators_session(endpoints()).post(f"http://{LOOPBACK}:{port}/", allow_redirects=True)

        assert answer.status_code == 307
        assert elsewhere == []


def test_the_environments_proxy_and_passwords_have_no_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f"machine {LOOPBACK} login someone password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    heard: list[bytes] = []

    def listening(channel: socket.socket) -> None:
        heard.append(b"")
        saying(b"{}")(channel)

    with serving(listening) as (port, _), serving(saying(b"{}")) as (proxy, through_proxy):
        monkeypatch.setenv("HTTP_PROXY", f"http://{LOOPBACK}:{proxy}")
        answer = operators_session(endpoints()).get(f"http://{LOOPBACK}:{port}/")

    assert through_proxy == []
    assert "Authorization" not in answer.request.headers


@pytest.mark.parametrize("what", [trickling, lambda channel: time.sleep(30)], ids=["a byte at a time", "not at all"])
def test_an_answer_that_does_not_end_is_given_up(what: Callable[[socket.socket], None]) -> None:
    began = time.monotonic()
    with serving(what) as (port, _), pytest.raises(requests.RequestException):
        tenants_session(endpoints()).get(f"http://{LOOPBACK}:{port}/")

    assert time.monotonic() - began < 10  # the limits add up to 1.5 s; ten minutes would be the server's choice


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Content-Length: 100000\r\n\r\n",
        HEAD + b"Content-Length: 100000\r\nConnection: close\r\n\r\n",
        HEAD + b"\r\n",
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Content-Length: 100000\r\n\r\n",
    ],
    ids=["the connection is kept", "the connection will close", "of no length", "HTTP/1.0"],
)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_body_that_does_not_end_is_given_up(
    head: bytes, secure: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving(LOOPBACK))
    began = time.monotonic()
    with serving(dripping(head)) as (port, _), serving_a_name(dripping(head), tmp_path) as (url, trusting):
        called = url if secure else f"http://{LOOPBACK}:{port}/"
        with pytest.raises(requests.RequestException):
            tenants_session(trusting).get(called)

    assert time.monotonic() - began < 10


def test_an_answer_over_a_kept_connection_is_given_up_too() -> None:
    def answer(channel: socket.socket) -> None:
        channel.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        channel.recv(65536)
        dripping(HEAD + b"\r\n")(channel)

    with serving(answer) as (port, seen):
        session = tenants_session(endpoints())
        assert session.get(f"http://{LOOPBACK}:{port}/").ok
        began = time.monotonic()
        with pytest.raises(requests.RequestException):
            session.get(f"http://{LOOPBACK}:{port}/")

        assert time.monotonic() - began < 10
        assert seen == [1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_time_is_for_all_addresses_of_a_host_together(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = [f"127.0.0.{number}" for number in range(2, 34)]
    everywhere = resolving(*dead)

    def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        return everywhere(host, port) if host == "gateway.example" else resolving(host)(host, port)

    with serving(saying(b"{}")) as (port, _), taking_nobody(port, *dead):
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        began = time.monotonic()
        with pytest.raises(requests.ConnectTimeout):
            tenants_session(endpoints()).get(f"{scheme}://gateway.example:{port}/")

    assert time.monotonic() - began < 10  # one after the other they would take 16 s


@pytest.mark.parametrize(("seconds", "handshake"), [(2.0, 0.0), (1.3, 0.4)], ids=["name", "name and handshake"])
def test_what_begins_when_the_time_is_over_is_given_up(
    seconds: float, handshake: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Slow(ssl.SSLContext):
        def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
            time.sleep(handshake)
            return super().wrap_socket(*arguments, **options)

    def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        time.sleep(seconds if host == "gateway.example" else 0)
        return resolving(LOOPBACK)(host, port)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    answer = dripping(HEAD + b"Content-Length: 100000\r\n\r\n")
    with serving_a_name(answer, tmp_path, Slow(ssl.PROTOCOL_TLS_SERVER)) as (url, trusting):
        began = time.monotonic()
        with pytest.raises(requests.RequestException):
            tenants_session(trusting).get(url)

    assert time.monotonic() - began < 10


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "packed"])
def test_a_long_answer_is_not_read_to_its_end(packed: bool) -> None:
    body = b" " * 64 * 1024 * 1024
    headers = ["Content-Encoding: gzip"] if packed else []
    with (
        serving(saying(gzip.compress(body, 1) if packed else body, *headers)) as (port, _),
        pytest.raises(AnswerTooLong),
    ):
        tenants_session(endpoints()).get(f"http://{LOOPBACK}:{port}/")


def test_an_answer_that_breaks_off_is_a_failure() -> None:
    with (
        serving(lambda channel: channel.sendall(HEAD + b"Content-Length: 10\r\n\r\n{")) as (port, _),
        pytest.raises(requests.ConnectionError),
    ):
        tenants_session(endpoints()).get(f"http://{LOOPBACK}:{port}/")


def test_the_certificate_is_for_the_name_and_not_for_the_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving(LOOPBACK))
    with serving_a_name(saying(b"{}"), tmp_path) as (url, trusted):
        trusting = tenants_session(trusted)
        assert trusting.get(url).ok
        other = url.replace("gateway.example", "other.example")
        for session, called in ((trusting, other), (tenants_session(endpoints()), url)):
            with pytest.raises(requests.exceptions.SSLError):
                session.get(called)


def test_what_a_server_says_is_not_in_the_log() -> None:
    """urllib3 would quote a header that it cannot read."""
    program = (
        "import sys; from api import log; from api.clouds.base import Endpoints; log.to_stderr()\n"
        "from api.clouds.http import tenants_session\n"
        "endpoints = Endpoints(may_be_called=lambda address: True, connect_seconds=5, read_seconds=5)\n"
        "print(tenants_session(endpoints).get(sys.argv[1]).text)"
    )
    with serving(saying(b"{}", "the gateway's own words")) as (port, _):
        url = f"http://{LOOPBACK}:{port}/"
        said = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, check=True)

    assert (said.stdout, said.stderr) == ("{}\n", "")
