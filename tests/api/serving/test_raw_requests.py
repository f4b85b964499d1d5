"""What no client library sends: answered or hung up on, and the server goes on."""

from collections.abc import Iterator

import pytest

from tests.api.serving.conftest import LOGIN, Heard, connect, say
from tests.server_process import ApiProcess

BIG = b"x" * (256 * 1024 + 1)
CHUNKED = LOGIN + b"Transfer-Encoding: chunked\r\n\r\n"


def chunks(body: bytes, size: int = 65_536) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


@pytest.fixture(autouse=True)
def goes_on(server: ApiProcess) -> Iterator[None]:
    """After each of these tests the server answers as before, without a word about it in its log."""
    yield
    assert server.ask("GET", "/healthz") == (200, {"status": "alive"})
    assert "Traceback" not in server.log and " failed: " not in server.log


@pytest.mark.parametrize("length", [b"abc", b"-1", b"2\r\nContent-Length: 3", b"9" * 30, b"0x2", b"+2", b"2, 3"])
def test_a_length_that_is_none_is_refused(server: ApiProcess, length: bytes) -> None:
    assert say(server, LOGIN + b"Content-Length: " + length + b"\r\n\r\n{}").status == 400


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server: ApiProcess) -> None:
    heard = say(server, LOGIN + b"Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n")

    assert heard.status == 413 and b'"PAYLOAD_TOO_LARGE"' in heard.text
    assert heard.seconds < 5


@pytest.mark.parametrize("start", [b"", b'{"email": "a", "x": "'])
def test_a_chunked_body_that_is_too_large_is_refused(server: ApiProcess, start: bytes) -> None:
    heard = say(server, CHUNKED + chunks(start + BIG))

    assert heard.status == 413 and b'"PAYLOAD_TOO_LARGE"' in heard.text


def test_the_end_of_a_body_that_is_too_large_is_not_read_as_another(server: ApiProcess) -> None:
    heard = say(server, CHUNKED + chunks(b" " * 262_145 + b'{"email": "a@b.example", "password": "x"}', 262_145))

    assert heard.status == 413


def test_a_chunked_body_is_read(server: ApiProcess) -> None:
    heard = say(server, CHUNKED + chunks(b'{"email": "a@b.example"}', 5))

    assert heard.status == 400 and b"password is required" in heard.text


@pytest.mark.parametrize("body", [b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n{}"])
def test_a_chunk_that_is_none_is_refused(server: ApiProcess, body: bytes) -> None:
    assert say(server, CHUNKED + body).status in (0, 400)


def test_nothing_is_smuggled_behind_a_length_and_chunks(server: ApiProcess) -> None:
    """Whoever believes the length sees one request; the server must not see two."""
    hidden = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: entryguard\r\n\r\n"
    head = LOGIN.replace(b"Connection: close\r\n", b"") + b"Transfer-Encoding: chunked\r\n"
    heard = say(server, head + b"Content-Length: %d\r\n\r\n0\r\n\r\n" % (5 + len(hidden)) + hidden)

    assert heard.text.count(b"HTTP/1.1 ") == 1 and heard.status == 400


@pytest.mark.parametrize("coding", [b"xchunked", b"chunked, identity", b"gzip, chunked, gzip"])
def test_a_coding_that_is_not_known_is_refused(server: ApiProcess, coding: bytes) -> None:
    assert say(server, LOGIN + b"Transfer-Encoding: " + coding + b"\r\n\r\n0\r\n\r\n").status in (0, 400, 501)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(5000)) + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
    ids=["long header", "many headers", "long path", "NUL", "version", "HTTP/2", "TLS"],
)
def test_a_head_that_is_none_is_refused(server: ApiProcess, head: bytes) -> None:
    assert say(server, head).status in (0, 400, 414, 431, 505)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /api/v1/%00%ff%zz?%00=%ff HTTP/1.1\r\nHost: x\r\n", 404),
        ("GET /api/v1/é HTTP/1.1\r\nHost: x\r\n".encode(), 404),
        (b"GET //evil.example/api/v1/auth/me HTTP/1.1\r\nHost: x\r\n", 404),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n", 404),
        (b"GET /api/v1/auth/me HTTP/1.1\r\nHost: a b/c\r\n", 401),
        (b"GET /api/v1/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xe9\xff\r\n", 401),
        (b"GET /api/v1/auth/me HTTP/1.1\r\nHost: x\r\nX-API-Key: \xe9\xff\r\n", 401),
        (b"GET /api/v1/auth/me HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: \xff, 999.1.1.1\r\n", 401),
    ],
)
def test_a_strange_head_is_answered_with_the_one_body(server: ApiProcess, head: bytes, status: int) -> None:
    heard = say(server, head + b"Connection: close\r\n\r\n")

    assert heard.status == status
    assert b'"requestId"' in heard.text and b"x-content-type-options: nosniff" in heard.text.lower()


def test_a_client_that_hangs_up_in_its_body_harms_nobody(server: ApiProcess) -> None:
    for _ in range(20):
        with connect(server) as link:
            link.sendall(LOGIN + b'Content-Length: 100\r\n\r\n{"email"')


def test_slow_headers_are_hung_up_on(server: ApiProcess) -> None:
    """After 5 s, which this test has to wait for."""
    with connect(server, 14) as link:
        link.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")

        assert Heard(link.recv(65536), 0).status in (0, 408)
