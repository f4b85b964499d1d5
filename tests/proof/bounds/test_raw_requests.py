"""Bytes that no client library sends, to the server itself: refused in words, and the next request is served."""

import contextlib
import json
import re
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.intake import BODY_SECONDS
from api.json_body import MAXIMUM_BYTES
from api.openapi import BASE_PATH
from tests.api.conftest import HIGH_LIMITS
from tests.api.hostile import NOT_JSON
from tests.api.published import CREATE_CREDENTIAL
from tests.proof.bounds.conftest import Asking
from tests.proof.bounds.raw_requests import (
    CUT_SHORT,
    IN_THE_OPEN,
    ODD_METHODS,
    ODD_PATHS,
    SMUGGLED,
    SMUGGLED_STATUS,
    STRANGE_LINES,
    exchange,
    is_our_refusal,
)
from tests.proof.ledger import proven
from tests.served_api import EMAIL, PASSWORD, served
from tests.server_process import ApiProcess

_GOOD = json.dumps(CREATE_CREDENTIAL["AWS"]).encode()


@pytest.fixture(autouse=True)
def goes_on(server: ApiProcess, admin: Asking) -> Iterator[None]:
    """After each of these tests the server answers as before, and none of its words tell of a crash."""
    yield
    assert admin.ask("GET", "/auth/me")[0] == 200
    assert "Traceback" not in server.log and " failed: " not in server.log


@pytest.fixture
def head(admin: Asking) -> bytes:
    """The beginning of a good request that makes a credential."""
    told = f"POST {BASE_PATH}/credentials HTTP/1.1\r\nHost: x\r\nAuthorization: {admin.headers['Authorization']}\r\n"
    return told.encode()


def credentials(admin: Asking) -> int:
    return len(admin.ask("GET", "/credentials")[1])


def test_every_hostile_body_is_refused_and_the_connection_goes_on(
    server: ApiProcess, admin: Asking, head: bytes
) -> None:
    before = credentials(admin)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
        for name, body in NOT_JSON.items():
            refused = exchange(link, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert is_our_refusal(refused, 400, "VALIDATION_ERROR"), (name, refused)
        whole = exchange(link, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")

    assert whole.startswith(b"HTTP/1.1 200 ")
    assert credentials(admin) == before
    proven(
        "P17", "hostile bodies, one after the other on one connection", f"{len(NOT_JSON)} of {len(NOT_JSON)} refused"
    )


@pytest.mark.parametrize("kind", [b"multipart/form-data; boundary=x", b"multipart/mixed"])
def test_a_body_of_another_kind_is_refused(server: ApiProcess, head: bytes, kind: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
        refused = exchange(link, head + b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(_GOOD)) + _GOOD)

    assert is_our_refusal(refused, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("name", CUT_SHORT)
def test_a_body_that_is_cut_short_is_not_taken_for_the_whole(
    server: ApiProcess, admin: Asking, head: bytes, name: str
) -> None:
    before = credentials(admin)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
        link.sendall(head + CUT_SHORT[name](_GOOD))
        link.shutdown(socket.SHUT_WR)
        heard = _everything(link)

    assert heard == b"" or is_our_refusal(heard, 400, "VALIDATION_ERROR")
    assert credentials(admin) == before


def test_a_body_without_an_end_is_refused_when_it_is_too_long(server: ApiProcess, head: bytes) -> None:
    """Not when its time is up: what is sent meanwhile would be kept."""
    chunk, sent = b"10000\r\n" + b" " * 65536 + b"\r\n", 0
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
        link.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - begun < BODY_SECONDS and not select.select([link], [], [], 0)[0]:
                link.sendall(chunk)
                sent += len(chunk)
        heard = _everything(link)

    assert time.monotonic() - begun < BODY_SECONDS / 2
    assert sent < 64 * MAXIMUM_BYTES  # the kernel's buffers take some
    assert heard == b"" or is_our_refusal(heard, 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("name", SMUGGLED)
def test_nothing_is_smuggled(server: ApiProcess, name: str) -> None:
    """A request that hides in another's body, where two readers may differ about its end, is not answered."""
    heard = heard_of(server, SMUGGLED[name])

    assert SMUGGLED_STATUS not in heard, heard
    assert heard.count(b"HTTP/1.1 ") <= 1
    assert heard == b"" or heard.startswith(b"HTTP/1.1 4"), heard


def test_what_hides_nothing_is_answered(server: ApiProcess) -> None:
    """So that the test above would hear it."""
    assert SMUGGLED_STATUS in heard_of(server, IN_THE_OPEN)


@pytest.mark.parametrize("name", STRANGE_LINES)
def test_a_head_that_is_written_strangely_is_no_crash(server: ApiProcess, name: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
        with contextlib.suppress(OSError):
            link.sendall(STRANGE_LINES[name])
            link.shutdown(socket.SHUT_WR)
        heard = _everything(link)

    assert heard == b"" or heard.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 2", b"HTTP/1.0 2")), heard
    assert b"Traceback" not in heard and b".py" not in heard


@pytest.mark.parametrize("method", ODD_METHODS)
def test_a_method_that_is_none_of_ours_is_refused(server: ApiProcess, method: bytes) -> None:
    asked = method + b" /api/v1/auth/me HTTP/1.1\r\nHost: x\r\nX-Told: canary\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
        link.sendall(asked)
        heard = _everything(link)

    assert is_our_refusal(heard, 405, "METHOD_NOT_ALLOWED") and b"\r\nallow: " in heard.lower()
    assert b"canary" not in heard


@pytest.mark.parametrize("name", ODD_PATHS)
def test_a_path_that_is_none_of_ours_is_refused(server: ApiProcess, admin: Asking, name: str) -> None:
    told = f" HTTP/1.1\r\nHost: x\r\nAuthorization: {admin.headers['Authorization']}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
        link.sendall(b"GET " + ODD_PATHS[name] + told.encode())
        heard = _everything(link)

    statuses = [b"HTTP/1.1 400 ", b"HTTP/1.1 404 "]
    assert heard[:13] in statuses and b'"requestId"' in heard, heard
    assert len(heard) < 5000


def test_a_hundred_requests_in_one_breath_are_answered_in_order(server: ApiProcess) -> None:
    paths = [b"/healthz" if number % 2 else b"/nothing" for number in range(100)]
    ends = [b""] * 99 + [b"Connection: close\r\n"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as link:
        for path, end in zip(paths, ends, strict=True):
            link.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n" + end + b"\r\n")
        heard = _everything(link)

    assert [status == b"200" for status in re.findall(rb"HTTP/1.1 (\d{3}) ", heard)] == [
        path == b"/healthz" for path in paths
    ]


def test_a_header_written_with_an_underscore_is_not_taken_for_the_proxys_word(tmp_path: Path) -> None:
    """In WSGI's names both are HTTP_X_FORWARDED_FOR; a proxy that replaces one hands the other on as it came."""
    with served(tmp_path, ENTRYGUARD_TRUSTED_PROXIES="1", ENTRYGUARD_RATE_LIMITS=HIGH_LIMITS) as server:
        body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
        for forged_first in (True, False):
            lines = [b"X_Forwarded_For: 198.51.100.66\r\n", b"X-Forwarded-For: 203.0.113.7\r\n"]
            told = b"".join(lines if forged_first else lines[::-1])
            head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
                answer = exchange(link, head + told + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert answer.startswith(b"HTTP/1.1 200 ")
        admin = sign_in_behind_a_proxy(server)
        status, logged = server.ask("GET", f"{BASE_PATH}/audit-logs?eventType=USER_LOGIN", headers=admin)

    assert status == 200
    assert {event["ipAddress"] for event in logged} == {"203.0.113.7"}


def sign_in_behind_a_proxy(server: ApiProcess) -> dict[str, str]:
    behind = {"X-Forwarded-For": "203.0.113.7"}
    login = server.ask("POST", f"{BASE_PATH}/auth/login", {"email": EMAIL, "password": PASSWORD}, behind)[1]
    return {**behind, "Authorization": f"Bearer {login['accessToken']}"}


def heard_of(server: ApiProcess, text: bytes) -> bytes:
    """What comes back until the server closes, or in two seconds. Who hung up meanwhile might get no answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as link:
        with contextlib.suppress(ConnectionError):
            link.sendall(text)
        return _everything(link)


def _everything(link: socket.socket) -> bytes:
    heard = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        while part := link.recv(65536):
            heard += part
    return heard
