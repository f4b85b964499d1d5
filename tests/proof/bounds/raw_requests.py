"""Requests as bytes, of the kinds that a server stumbles over or that two servers read differently."""

import json
import re
import socket
from collections.abc import Callable, Mapping
from typing import Any

_HEAD = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_HIDDEN = b"GET /api/v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLED_STATUS = b"HTTP/1.1 404 "
"""What a request that hides is answered, if it is read as one. The one that hides it is never answered so."""


def _with_length(headers: bytes) -> bytes:
    """A reader of lengths sees one request, a reader of chunks sees two."""
    return _HEAD + headers + b"Content-Length: %d\r\n\r\n0\r\n\r\n" % (5 + len(_HIDDEN)) + _HIDDEN


SMUGGLED: Mapping[str, bytes] = {
    "length and chunks": _with_length(b"Transfer-Encoding: chunked\r\n"),
    "chunks, then length": _HEAD + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _HIDDEN,
    "chunks in capitals": _with_length(b"TRANSFER-ENCODING: CHUNKED\r\n"),
    "chunks twice": _with_length(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    "chunks and identity": _with_length(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
    "chunks behind a tab": _with_length(b"Transfer-Encoding:\tchunked\r\n"),
    "chunks behind a vertical tab": _with_length(b"Transfer-Encoding: \x0bchunked\r\n"),
    "chunks in quotes": _with_length(b'Transfer-Encoding: "chunked"\r\n'),
    "a blank before the colon": _with_length(b"Transfer-Encoding : chunked\r\n"),
    "a folded line": _with_length(b"Transfer-Encoding:\r\n chunked\r\n"),
    "a bare return in a line": _with_length(b"X: a\rTransfer-Encoding: chunked\r\n"),
    "a NUL in a name": _with_length(b"Transfer-Enc\0oding: chunked\r\n"),
    "two lengths": _HEAD + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(_HIDDEN) + _HIDDEN,
    "two lengths in one": _HEAD + b"Content-Length: 0, %d\r\n\r\n" % len(_HIDDEN) + _HIDDEN,
    "a length with a sign": _HEAD + b"Content-Length: +0\r\n\r\n" + _HIDDEN,
    "a length below zero": _HEAD + b"Content-Length: -1\r\n\r\n" + _HIDDEN,
    "a length in hexadecimal": _HEAD + b"Content-Length: 0x0\r\n\r\n" + _HIDDEN,
    "a length beyond all numbers": _HEAD + b"Content-Length: 18446744073709551616\r\n\r\n" + _HIDDEN,
    "a chunk of a size beyond all numbers": _HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n0\r\n\r\n"
    + _HIDDEN,
    "a chunk of a size with a sign": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n" + _HIDDEN,
    "a chunk of a size in 0x": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + _HIDDEN,
    "a chunk that ends elsewhere": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n" + _HIDDEN,
}
"""Each hides `_HIDDEN` where only one of two readers would see it."""

IN_THE_OPEN = _HEAD + b"Content-Length: 2\r\n\r\n{}" + _HIDDEN
"""The same two requests, and nobody can differ about them."""

CUT_SHORT: Mapping[str, Callable[[bytes], bytes]] = {
    "a length of one too many": lambda body: b"Content-Length: %d\r\n\r\n" % (len(body) + 1) + body,
    "chunks without the last": lambda body: b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body),
    "chunks whose last has no end": lambda body: (
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(body), body)
    ),
    "a chunk that is cut": lambda body: b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s" % (len(body) + 1, body),
}
"""What is JSON from end to end, in a body that is not at its end."""

STRANGE_LINES: Mapping[str, bytes] = {
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: x\nConnection: close\n\n",
    "bare returns": b"GET /healthz HTTP/1.1\rHost: x\r\r",
    "no version": b"GET /healthz\r\n\r\n",
    "version 1.0 without a host": b"GET /healthz HTTP/1.0\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
    "a line without a colon": b"GET /healthz HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
    "a line that begins with a blank": b"GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n",
    "a name that is empty": b"GET /healthz HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n",
    "two blanks": b"GET  /healthz  HTTP/1.1\r\nHost: x\r\n\r\n",
    "empty lines before": b"\r\n\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a method of 10,000 letters": b"A" * 10_000 + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tunnel": b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "an upgrade": b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMA\r\n\r\n",
    "a web socket": b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "an address for a path": b"GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "2,000 cookies": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"Cookie: a=b\r\n" * 2000 + b"\r\n",
    "a header of 300 kB": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
    "random bytes": bytes(range(256)) * 20,
    "a password in the address": b"GET //ada:secret@x/ HTTP/1.1\r\nHost: ada:secret@x\r\nConnection: close\r\n\r\n",
}
"""Some are right by the letter, most are not."""

ODD_METHODS = (b"TRACE", b"PROPFIND", b"QUERY", b"X" * 100)

ODD_PATHS: Mapping[str, bytes] = {
    "60,000 letters": b"/api/v1/" + b"a" * 60_000,
    "a query of 60,000 letters": b"/api/v1/credentials?cursor=" + b"a" * 60_000,
    "half a percent": b"/api/v1/credentials/%",
    "a percent of nothing": b"/api/v1/credentials/%zz",
    "a NUL": b"/api/v1/credentials/%00",
    "no UTF-8": b"/api/v1/credentials/%ff%fe",
    "overlong UTF-8": b"/api/v1/credentials/%c0%ae%c0%ae%c0%af",
    "a way up": b"/api/v1/docs/%2e%2e%2f%2e%2e%2fapp.py",
    "a way up in the open": b"/api/v1/docs/../../../../etc/passwd",
    "a way up by backslashes": b"/api/v1/docs/..%5c..%5capp.py",
    "a file from the root": b"/api/v1/docs//etc/passwd",
    "a line feed": b"/api/v1/credentials/a%0d%0aX-Injected:%20yes",
    "an id in a script": "/api/v1/credentials/\u0661".encode(),
    "1,000 parameters": b"/api/v1/credentials?" + b"&".join(b"a%d=1" % number for number in range(1000)),
    "a query that is no UTF-8": b"/api/v1/credentials?limit=%ff",
    "a query of percents": b"/api/v1/credentials?" + b"%" * 1000,
}


def exchange(link: socket.socket, text: bytes) -> bytes:
    """Send a request, and return the one answer to it; the connection may go on."""
    link.sendall(text)
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += _more(link, heard)
    head, _, body = heard.partition(b"\r\n\r\n")
    [length] = re.findall(rb"(?i)\r\ncontent-length: (\d+)", head)
    while len(body) < int(length):
        body += _more(link, heard)
    assert len(body) == int(length), "more than one answer came"
    return head + b"\r\n\r\n" + body


def is_our_refusal(answer: bytes, status: int, code: str) -> bool:
    """The answer has this status and the one body that every error has."""
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        told: Any = json.loads(body)
    except ValueError:
        return False
    return (
        head.startswith(b"HTTP/1.1 %d " % status)
        and told["error"] == code
        and set(told) - {"details"} == {"error", "message", "timestamp", "requestId"}
        and told["requestId"].encode() in head
    )


def _more(link: socket.socket, heard: bytes) -> bytes:
    part = link.recv(65536)
    if not part:
        raise ConnectionError(f"closed after {heard[:300]!r}")
    return part
