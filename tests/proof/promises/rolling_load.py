"""Callers of several servers, as a proxy lets them be: who is refused a connection is taken to the next server."""

import http.client
import itertools
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.api.published import CREATE_CREDENTIAL
from tests.proof.scale import FULL

_THINKING_SECONDS = 0.01 if FULL else 0.05
_PATIENCE_SECONDS = 60
_ME = ("GET", "/api/v1/auth/me", None)


class Load:
    """What a number of callers asked and were answered. `dropped`: requests that were sent, and not answered well.

    answered: how often, by status. made: the names of credentials that were answered 201. asked_again: GETs on a kept
    connection that was closed before any answer, which every client sends again (RFC 9112, section 9.3.1).
    """

    def __init__(self, ports: Sequence[int], headers: dict[str, str]) -> None:
        self.answered: Counter[int] = Counter()
        self.asked_again = 0
        self.dropped: list[str] = []
        self.made: list[str] = []
        self._troubles: list[str] = []
        self._ports = ports
        self._headers = headers
        self._stopping = threading.Event()

    @contextmanager
    def running(self, callers: int) -> Iterator[None]:
        """So many callers of each kind ask in the block: some on new connections, some on those they keep."""
        kinds = (self._ask_anew, self._ask_on_kept)
        threads = [threading.Thread(target=kind, args=(n,)) for n in range(callers) for kind in kinds]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join()

    def _ask_anew(self, number: int) -> None:
        for turn in self._turns(number):
            link = self._connected(turn)
            name = f"made {uuid.uuid4()}"
            body = {**CREATE_CREDENTIAL["AWS"], "name": name}
            request = ("POST", "/api/v1/credentials", json.dumps(body)) if turn % 4 == 0 else _ME
            status = self._answer(link, *request)
            link.close()
            if status is None:
                self.dropped.append(f"{request[0]} on a new connection: {self._troubles[-1]}")
            if status == 201:
                self.made.append(name)

    def _ask_on_kept(self, number: int) -> None:
        kept: http.client.HTTPConnection | None = None
        for turn in self._turns(number):
            link = kept or self._connected(turn)
            status = self._answer(link, *_ME)
            if status is None and kept is not None:
                self.asked_again += 1
                link = self._connected(turn)
                status = self._answer(link, *_ME)
            if status is None:
                self.dropped.append(f"GET on a connection to be kept: {self._troubles[-1]}")
            kept = link if link.sock is not None else None

    def _turns(self, number: int) -> Iterator[int]:
        for turn in itertools.count(number):
            if self._stopping.is_set():
                return
            yield turn
            time.sleep(_THINKING_SECONDS)

    def _connected(self, turn: int) -> http.client.HTTPConnection:
        """A connection to the server whose turn it is, or to the next that takes one."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for attempt in itertools.count(turn):
            port = self._ports[attempt % len(self._ports)]
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
            try:
                link.connect()
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                continue
            return link
        raise AssertionError("unreachable")

    def _answer(self, link: http.client.HTTPConnection, method: str, path: str, body: Any) -> int | None:
        """The status of a whole answer; None where there was none."""
        try:
            link.request(method, path, body, {**self._headers, "Content-Type": "application/json"})
            answer = link.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._troubles.append(repr(error))
            link.close()
            return None
        self.answered[answer.status] += 1
        if answer.status >= 500:
            self.dropped.append(f"{method}: {answer.status}")
        return answer.status
