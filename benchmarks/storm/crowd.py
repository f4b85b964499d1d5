"""The people of a run: each visit is a thread that starts a session and does with it what it is fated to."""

import contextlib
import http.client
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.storm.company import Company, NotDone, Send, from_address
from benchmarks.storm.plan import Fate, Visit

_PAUSE_SECONDS = 0.3
_GIVEN_UP_SECONDS = 120.0
_AGAIN = (429, 500, 502, 503)
# Another request with the same key is still under way: the process that had it may be dead.
_CONFLICT = 409
_DEEDS: Mapping[Fate, tuple[str, str]] = {
    Fate.STOPPED: ("POST", "stop"),
    Fate.EXTENDED: ("POST", "extend"),
    Fate.MOVED: ("PUT", "ip"),
}


class Crowd:
    """send: one request, which may fail. What came of all of them is counted."""

    def __init__(self, send: Send, company: Company) -> None:
        self._send = send
        self._company = company
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.unanswered = 0
        """Requests that had no answer, or one that says to try again, and were sent again."""
        self.sessions: dict[str, Visit] = {}

    def come(self, visits: Iterable[Visit], began: float) -> None:
        """Let each in at its time; returns when the last one has come."""
        for visit in visits:
            time.sleep(max(0.0, began + visit.at - time.monotonic()))
            thread = threading.Thread(target=self._visit, args=(visit,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def leave(self) -> None:
        """Wait until everybody has done what he came for."""
        for thread in self._threads:
            thread.join()

    def _visit(self, visit: Visit) -> None:
        resources = [self._company.resources[number] for number in visit.targets]
        body = {"resourceIds": resources, "durationMinutes": visit.seconds / 60, "reason": f"visit {visit.number}"}
        started = time.monotonic()
        session = self._ask(visit, "POST", "/sessions", body)
        if session is None:
            return
        with self._lock:
            self.sessions[session["id"]] = visit
            self.done["started"] += 1
        if visit.fate not in _DEEDS:
            return
        time.sleep(max(0.0, started + visit.after - time.monotonic()))
        method, path = _DEEDS[visit.fate]
        wanted = {Fate.EXTENDED: {"durationMinutes": visit.extension / 60}, Fate.MOVED: {}}.get(visit.fate)
        if self._ask(visit, method, f"/sessions/{session['id']}/{path}", wanted) is not None:
            with self._lock:
                self.done[visit.fate] += 1

    def _ask(self, visit: Visit, method: str, path: str, body: Any) -> Any:
        """What is answered in the end; None where it is refused, or nobody answers for long."""
        is_start = path == "/sessions"
        caller = self._company.callers[visit.caller]
        address = visit.other_address if method == "PUT" else visit.address
        once = {"Idempotency-Key": str(uuid.uuid4())} if path.endswith(("/sessions", "/extend")) else {}
        until = time.monotonic() + _GIVEN_UP_SECONDS
        status, said = 0, None
        while time.monotonic() < until:
            status, said = self._answer(method, path, body, caller.headers | once | from_address(address))
            if status == 401 and caller.email:
                with contextlib.suppress(NotDone, OSError, http.client.HTTPException):  # as with any request: again
                    caller.sign_in(self._send)
            elif status and status not in _AGAIN and not (is_start and status == _CONFLICT):
                break
            with self._lock:
                self.unanswered += 1
            time.sleep(_PAUSE_SECONDS)
        if 200 <= status < 300:
            return said
        with self._lock:
            self.refused[f"{method} {path.rsplit('/', 1)[-1]}: {status} {(said or {}).get('error', 'no answer')}"] += 1
        return None

    def _answer(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        """Status 0 where there is none: the server was killed, or is being started."""
        try:
            return self._send(method, path, body, headers)
        except (OSError, http.client.HTTPException):
            return 0, None
