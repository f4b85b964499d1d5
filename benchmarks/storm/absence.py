"""A cloud goes away for a while and comes back; meanwhile it is looked where what is overdue is told of."""

import http.client
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from benchmarks.storm.company import Company
from benchmarks.storm.landscape import Landscape
from benchmarks.storm.plan import EARLY_SECONDS
from benchmarks.storm.site import Site

_LOOK_SECONDS = 1.0
_OVERDUE = " is overdue: "
_REFUSING: Mapping[str, object] = {"status": 503, "code": "Unavailable", "message": "The service is unavailable."}
_SILENT: Mapping[str, object] = {"silent": True}


class Absence:
    """The first half of its time the cloud refuses every call, the second half it answers none.

    shown: when what was overdue was first seen in each place where it has to be told of.
    """

    def __init__(self, landscape: Landscape, site: Site, company: Company, seconds: float) -> None:
        self._landscape = landscape
        self._seconds = seconds
        self._is_over = threading.Event()
        before = site.worker_logs.count(_OVERDUE)  # of another run, whose logs were kept in the same folder
        self._places: Mapping[str, Callable[[], bool]] = {
            "API": lambda: _is_in_api(site, company),
            "metrics": lambda: _is_in_metrics(site),
            "log": lambda: site.worker_logs.count(_OVERDUE) > before,
        }
        self.away_at = self.back_at = float("inf")
        self.shown: dict[str, float] = {}

    @contextmanager
    def passing(self) -> Iterator["Absence"]:
        """It comes and goes beside what is done in the block, and is over at its end."""
        threads = [threading.Thread(target=each, daemon=True) for each in (self._come_and_go, self._look)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            threads[0].join(EARLY_SECONDS + self._seconds + 60)
            self._is_over.set()
            threads[1].join(60)

    def _come_and_go(self) -> None:
        time.sleep(EARLY_SECONDS)
        self.away_at = time.time()
        self._landscape.go_away(_REFUSING)
        time.sleep(self._seconds / 2)
        self._landscape.go_away(_SILENT)
        time.sleep(self._seconds / 2)
        self._landscape.go_away({})
        self.back_at = time.time()

    def _look(self) -> None:
        while not self._is_over.wait(_LOOK_SECONDS):
            for place, is_told in self._places.items():
                if place not in self.shown and is_told():
                    self.shown[place] = time.time()


def _is_in_api(site: Site, company: Company) -> bool:
    """Whether some session that is over shows since when a rule of it is overdue."""
    try:
        status, sessions = site.api.ask("GET", "/api/v1/sessions?status=EXPIRING&limit=100", headers=company.key)
    except (OSError, http.client.HTTPException):
        return False
    return status == 200 and any(grant["overdueSince"] for each in sessions for grant in each["resourceIps"])


def _is_in_metrics(site: Site) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{site.api.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except OSError:
        return False
    lines = (line.split() for line in text.splitlines() if line.startswith("entryguard_overdue_rules "))
    return any(float(value) > 0 for _, value in lines)
