"""The one way to call out over HTTP.

With a time limit for the whole call, without redirects and the environment's proxies, to no address that the operator
forbids, for answers of a size that there is use for.

What goes wrong is an error of requests, as the vendors' SDKs expect it, which are given these sessions.
"""

import ipaddress
import logging
import os
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, ItemsView, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from api.clouds.base import Address, Endpoints, before_call
from api.clouds.certificates import trusted

_LONGEST_ANSWER = 1024 * 1024
_CONNECTIONS = 8

# Its warnings quote what a server has sent, and name the endpoints.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)

Judge = Callable[[Address], bool]


class ForbiddenAddress(NewConnectionError):
    """The host has an address that the server must not call."""


class AnswerTooLong(requests.RequestException):
    """An answer that is longer than any that there is use for."""


def operators_session(endpoints: Endpoints, longest_answer: int = _LONGEST_ANSWER) -> requests.Session:
    """A session for the public clouds and for what the operator has put in their place.

    It shares connections with those of other credentials: what tells them apart is in each request.
    """
    return _Session(_operators_adapter(endpoints, longest_answer))


def tenants_session(endpoints: Endpoints) -> requests.Session:
    """A session for a host that a tenant names: its addresses are judged when it is connected to, each time."""
    return _Session(_Adapter(endpoints, endpoints.may_be_called, _LONGEST_ANSWER))


def adopt(session: requests.Session, ours: requests.Session) -> None:
    """Make a session that an SDK has made for itself call out as `ours` does, over the same connections."""
    session.adapters = ours.adapters
    session.trust_env = False
    session.max_redirects = 0  # to be sent elsewhere is an error: what is named there was never checked


def warm(ca_bundle: Path | None) -> None:
    """Do what is done once in a process, so that it is not done again in each that is forked of it."""
    trusted(ca_bundle)
    requests.Session().prepare_request(requests.Request("GET", "https://entryguard.example/"))
    # Each of Azure's thousand classes of mappings is asked whether it is one, and notes what it said: 5 MB.
    kinds: tuple[type, ...] = (list, bool, ItemsView, type(OrderedDict().values()))
    for kind in kinds:
        issubclass(kind, Mapping)


def is_forbidden(error: requests.RequestException) -> bool:
    """Whether a call was not made because of where it would have gone."""
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", cause), ForbiddenAddress)


def _anywhere(address: Address) -> bool:
    return True


class _Session(requests.Session):
    def __init__(self, adapter: "_Adapter") -> None:
        super().__init__()
        self.trust_env = False
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        # A 3xx is an answer like any other: what it names was never checked.
        return super().request(*arguments, **options | {"allow_redirects": False})


class _Adapter(HTTPAdapter):
    def __init__(self, endpoints: Endpoints, judge: Judge, longest_answer: int) -> None:
        self._endpoints = endpoints
        self._judge = judge
        self._longest_answer = longest_answer
        super().__init__(pool_connections=_CONNECTIONS, pool_maxsize=_CONNECTIONS, max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, ssl_context=trusted(self._endpoints.ca_bundle))
        self.poolmanager.pool_classes_by_scheme = _pools(self._judge)

    def cert_verify(self, conn: Any, *_: Any) -> None:
        """Requests would read a file of authorities for each connection, into the context that all share."""
        conn.cert_reqs = "CERT_REQUIRED"

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Ask, and read the whole answer. The time limits and whom to trust are not the SDKs' to say."""
        before_call.get()()
        limits = (self._endpoints.connect_seconds, self._endpoints.read_seconds)
        with _time_limit(sum(limits)):
            answer = super().send(request, stream=True, timeout=limits, verify=True)
            try:
                # What requests itself sets when it has read a body.
                answer._content = _body(answer, self._longest_answer)
            except AnswerTooLong:
                raise  # which is an OSError too
            except (HTTPError, OSError) as error:
                raise requests.ConnectionError("the answer broke off", request=request) from error
        answer._content_consumed = True  # type: ignore[attr-defined]
        return answer


@lru_cache(maxsize=4)
def _operators_adapter(endpoints: Endpoints, longest_answer: int) -> _Adapter:
    return _Adapter(endpoints, _anywhere, longest_answer)


# A connection that is open must not be carried over a fork.
os.register_at_fork(after_in_child=_operators_adapter.cache_clear)


def _body(answer: requests.Response, longest: int) -> bytes:
    """An answer's body, unpacked as it comes: a small one may unpack to a very large one."""
    body = bytearray()
    for part in answer.raw.stream(64 * 1024, decode_content=True):
        body += part
        if len(body) > longest:
            answer.close()
            raise AnswerTooLong(f"the answer is longer than {longest:,} bytes", request=answer.request)
    return bytes(body)


class _Call:
    """What one call holds open, to be cut when its time is over."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self._sockets: list[socket.socket] = []

    def hold(self, connection: HTTPConnection) -> None:
        """Have the connection's socket cut in time. The connection itself lets go of it before the body is read."""
        self._sockets.append(connection.sock)
        self.go_on(connection)

    def go_on(self, connection: HTTPConnection) -> None:
        """Raises ConnectTimeoutError where the time is over: what is held only now would not be cut."""
        if self.over.is_set():
            raise ConnectTimeoutError(connection, "the time is over")

    def cut(self) -> None:
        self.over.set()
        for each in self._sockets:
            with suppress(OSError):  # closed meanwhile
                # Not the method of a TLS socket: that drops its state under the thread which is reading.
                socket.socket.shutdown(each, socket.SHUT_RDWR)


_call: ContextVar[_Call] = ContextVar("call")


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Cut the connections that are used within, when the time is over.

    A socket's own time limit begins anew with each byte: a server that sends one a second would hold a thread for ever.
    """
    call = _Call()
    watch = threading.Timer(seconds, call.cut)
    watch.daemon = True
    token = _call.set(call)
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        _call.reset(token)
    if call.over.is_set():  # headers that are cut read as if they had ended
        raise requests.ReadTimeout("the answer did not end in time")


@lru_cache(maxsize=8)
def _pools(judge: Judge) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools, with connections that are made to judged addresses only and can be cut."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, judge)

        def connect(self) -> None:
            super().connect()
            _call.get().hold(self)

        def request(self, *arguments: Any, **options: Any) -> None:
            if not self.is_closed:  # else it is connected within
                _call.get().hold(self)
            super().request(*arguments, **options)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, judge)

        def connect(self) -> None:
            super().connect()
            _call.get().hold(self)

        def request(self, *arguments: Any, **options: Any) -> None:
            _call.get().hold(self)  # urllib3 has connected it before
            super().request(*arguments, **options)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _connect(connection: HTTPConnection, judge: Judge) -> socket.socket:
    """A socket to an address that was judged a moment ago: a name resolved twice may be two addresses."""
    try:
        found = socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameResolutionError(connection.host, connection, socket.gaierror(str(error))) from error
    addresses = [str(place[0]) for *_, place in found]
    if not all(judge(ipaddress.ip_address(address)) for address in addresses):
        raise ForbiddenAddress(connection, "the host has an address that must not be called")
    failure: OSError = OSError("the host has no address")
    for address in addresses:
        _call.get().go_on(connection)
        try:
            return create_connection(
                (address, connection.port), connection.timeout, socket_options=connection.socket_options
            )
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, "the host does not take the connection") from failure
    raise NewConnectionError(connection, "the host refuses the connection") from failure
