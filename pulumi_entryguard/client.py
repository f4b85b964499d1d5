"""The one way this package talks to the EntryGuard API: `Client.request`.

Standard library only. One keep-alive connection per thread. A request waits while the API says "too many" or "not
now" (429, 503 with `Retry-After`), and all threads of the process wait together. After a lost connection a request is
sent again only if sending it twice does no harm. No error holds a token, a request body or an unknown answer's text.
"""

import http.client
import json
import re
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pulumi_entryguard.dialling import dial
from pulumi_entryguard.endpoint import Access, Endpoint
from pulumi_entryguard.errors import MEND_ACCESS, ApiError, Unreachable, api_error
from pulumi_entryguard.version import __version__

REQUEST_SECONDS = 40.0  # for one exchange; the longest answer, to `verify`, takes the API 30 s
PATIENCE_SECONDS = 60.0  # for all waiting of one request: the API's rate limits are counted per minute
PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0)  # between tries after a lost connection: a server restarts in 5 to 8 s
IDLE_SECONDS = 5.0  # servers close idle connections after 5 s or more: an older one is not trusted
SHORTEST_PAUSE = 0.1  # where the API says 0
USUAL_PAUSE = 1.0  # where it does not say
MAX_ANSWER_BYTES = 8 * 1024 * 1024

# PATCH is among them since ours only ever sets values: sent twice it leaves what sending it once leaves.
REPEATABLE = frozenset({"GET", "PUT", "PATCH", "DELETE"})
HELD_BACK = frozenset({429, 503})
NO_ANSWER = frozenset({502, 504})  # a proxy in between lost the server

_NEXT_PAGE = re.compile(r'[?&]cursor=([\w%.~-]+)[^>]*>; *rel="next"')


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: HTTP's status, and the decoded body (or None). A page says where the next begins."""

    status: int
    body: Any
    retry_after: float | None = None
    next_cursor: str | None = None


def new_idempotency_key() -> str:
    """A key for one create: whoever sends it again gets the object that the first one made."""
    return secrets.token_urlsafe(24)


def route(*parts: str) -> str:
    """Join path parts, each escaped."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


class Gate:
    """One pause for all threads: nobody asks before it is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opens_at = 0.0

    def close_for(self, seconds: float) -> None:
        """Hold everybody back for so many seconds from now, or longer if that was agreed before."""
        with self._lock:
            self._opens_at = max(self._opens_at, time.monotonic() + seconds)

    def wait(self, until: float) -> bool:
        """Wait until it is open; False, without waiting, if that comes after `until` (monotonic seconds)."""
        while (left := self._opens_at - time.monotonic()) > 0:
            if self._opens_at > until:
                return False
            time.sleep(left)
        return True


class Tries:
    """How often one request was lost, and whether it may be sent again."""

    def __init__(self, pauses: Sequence[float], until: float) -> None:
        self.until = until
        self.losses = 0
        self._pauses = pauses

    def another(self) -> bool:
        """Make the pause before the next try; False, at once, if there must be none."""
        if self.losses == len(self._pauses):
            return False
        pause = self._pauses[self.losses]
        if time.monotonic() + pause > self.until:
            return False
        self.losses += 1
        time.sleep(pause)
        return True


class Client:
    """Sends requests to one API as one caller, or as nobody yet (`access` None); safe to share between threads.

    `pauses` between the tries of a request that can be sent again. `version` of IP: the only one to connect over.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        access: Access | None,
        patience: float = PATIENCE_SECONDS,
        *,
        pauses: Sequence[float] = PAUSES,
        version: int | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._access = access
        self._patience = patience
        self._pauses = pauses
        self._version = version
        self._gate = Gate()
        self._mine = threading.local()
        self._tls = ssl.create_default_context() if endpoint.scheme == "https" else None

    def __repr__(self) -> str:
        return f"Client({self.endpoint})"

    def over(self, version: int, patience: float = PATIENCE_SECONDS, pauses: Sequence[float] = PAUSES) -> "Client":
        """A client for the same API and caller that connects over this version of IP alone: 4 or 6."""
        return Client(self.endpoint, self._access, patience, pauses=pauses, version=version)

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        until: float = float("inf"),
    ) -> Answer:
        """Send one request and give its answer (2xx).

        `path` starts after `/api/v1`. `until` (monotonic seconds) ends all waiting earlier than PATIENCE_SECONDS.
        Raises the ApiError of an error answer, Unreachable if none came.
        """
        payload = None if body is None else json.dumps(body).encode()
        headers = self._headers(payload, idempotency_key)
        repeatable = method in REPEATABLE or idempotency_key is not None
        tries = Tries(self._pauses if repeatable else (), min(time.monotonic() + self._patience, until))
        while True:
            self._gate.wait(tries.until)
            try:
                answer = self._exchange(method, path, payload, headers, tries.until)
            except (OSError, http.client.HTTPException) as lost:
                if _is_final(lost) or not tries.another():
                    raise self._unreachable(lost) from None
                continue
            if 200 <= answer.status < 300:
                return answer
            if self._held_back(answer, tries.until):
                continue
            # A create whose answer was lost may still be under way; its key makes asking again safe.
            under_way = answer.status == 409 and tries.losses > 0 and idempotency_key is not None
            if not ((answer.status in NO_ANSWER or under_way) and tries.another()):
                raise self._error(answer)

    def _headers(self, payload: bytes | None, idempotency_key: str | None) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "User-Agent": f"pulumi-entryguard/{__version__}",
        }
        if self._access is not None:
            headers[self._access.header] = self._access.value
        if payload is not None:
            headers["Content-Type"] = "application/json"
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return headers

    def _held_back(self, answer: Answer, patient_until: float) -> bool:
        """Whether the API asked for a pause that we can make; then the gate is closed for so long."""
        if answer.status not in HELD_BACK:
            return False
        pause = USUAL_PAUSE if answer.retry_after is None else max(SHORTEST_PAUSE, answer.retry_after)
        if time.monotonic() + pause > patient_until:
            return False
        self._gate.close_for(pause)
        return True

    def _exchange(
        self, method: str, path: str, payload: bytes | None, headers: Mapping[str, str], until: float
    ) -> Answer:
        seconds = min(REQUEST_SECONDS, max(1.0, until - time.monotonic()))
        connection = self._connection(seconds)
        _limit(connection, seconds)
        try:
            connection.request(method, self.endpoint.path + path, payload, dict(headers))
            response = connection.getresponse()
            raw = response.read(MAX_ANSWER_BYTES + 1)
        except BaseException:
            # Half an exchange leaves the connection in no state to be used again, whatever ended it.
            self._forget()
            raise
        self._mine.used_at = time.monotonic()
        if len(raw) > MAX_ANSWER_BYTES or response.will_close:
            self._forget()
        pause, cursor = _seconds(response.getheader("Retry-After")), _next_cursor(response.getheader("Link"))
        return Answer(response.status, _decoded(raw), pause, cursor)

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        kept: http.client.HTTPConnection | None = getattr(self._mine, "connection", None)
        if kept is not None and time.monotonic() - self._mine.used_at < IDLE_SECONDS:
            return kept
        self._forget()
        place = self.endpoint
        if self._tls is None:
            fresh = http.client.HTTPConnection(place.host, place.port)
        else:
            fresh = http.client.HTTPSConnection(place.host, place.port, context=self._tls)
        if self._version is not None:
            fresh.sock = self._dialled(self._version, seconds)
        self._mine.connection, self._mine.used_at = fresh, time.monotonic()
        return fresh

    def _dialled(self, version: int, seconds: float) -> socket.socket:
        link = dial(self.endpoint, version, seconds)
        return link if self._tls is None else self._tls.wrap_socket(link, server_hostname=self.endpoint.host)

    def _forget(self) -> None:
        kept = getattr(self._mine, "connection", None)
        self._mine.connection = None
        if kept is not None:
            kept.close()

    def _error(self, answer: Answer) -> ApiError:
        advice = None if self._access is None else MEND_ACCESS
        error = api_error(answer.status, answer.body, str(self.endpoint), advice)
        if answer.status in HELD_BACK and answer.retry_after:
            return type(error)(error.status, error.code, f"{error.message} (try again in {answer.retry_after:g} s)")
        return error

    def _unreachable(self, lost: Exception) -> Unreachable:
        if isinstance(lost, ssl.SSLCertVerificationError):
            why = f"its certificate is not trusted ({lost.verify_message}); SSL_CERT_FILE can name your own CA"
        elif isinstance(lost, TimeoutError):
            why = f"no answer in {REQUEST_SECONDS:g} s"
        else:
            why = (lost.strerror if isinstance(lost, OSError) else None) or type(lost).__name__
        over = f" over IPv{self._version}" if self._version else ""
        return Unreachable(f"EntryGuard at {self.endpoint} can't be reached{over}: {why}")


def _limit(connection: http.client.HTTPConnection, seconds: float) -> None:
    connection.timeout = seconds
    if connection.sock is not None:
        connection.sock.settimeout(seconds)


def _is_final(lost: Exception) -> bool:
    return isinstance(lost, ssl.SSLCertVerificationError | http.client.InvalidURL)


def _decoded(raw: bytes) -> object:
    try:
        return json.loads(raw) if raw and len(raw) <= MAX_ANSWER_BYTES else None
    except ValueError:
        return None


def _seconds(header: str | None) -> float | None:
    """Retry-After in its form of seconds; EntryGuard does not send the other one, a date."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def _next_cursor(link: str | None) -> str | None:
    found = _NEXT_PAGE.search(link or "")
    return found[1] if found else None
