"""Guessing passwords: however Redis fares, and whatever is varied, a few tries pass and no more."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from api.limit_table import DEFAULTS
from tests.proof.ledger import proven
from tests.proof.scale import FULL
from tests.served_api import served
from tests.server_process import ApiProcess
from tests.valkey_server import ValkeyServer, running_valkey

PROCESSES = 4
"""Each of them limits by what it counts itself while Redis is away."""
GUESSERS = 8
FLUSH_AFTER = 5
SECONDS = 55 if FULL else 0
"""So long the guessing goes on after the first rush; what is configured is for a minute."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Site:
    """A server of several processes behind a proxy, and its Redis."""

    server: ApiProcess
    valkey: ValkeyServer

    def guess(self, address: str, email: str, **more: str) -> int:
        """A wrong password from an address; how it is answered."""
        body = {"email": email, "password": "not the password", **more}
        status, _ = self.server.ask("POST", "/api/v1/auth/login", body, {"X-Forwarded-For": address})
        return status


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("guessing")
    with running_valkey() as valkey:
        settings = {"ENTRYGUARD_REDIS_URL": valkey.url, "ENTRYGUARD_TRUSTED_PROXIES": "1"}
        with served(folder, PROCESSES, **settings) as server:
            yield Site(server, valkey)


def _down(valkey: ValkeyServer) -> None:
    valkey.kill()


def _hung(valkey: ValkeyServer) -> None:
    valkey.pause()


FAULTS: dict[str, Callable[[ValkeyServer], None]] = {"down": _down, "hung": _hung, "flushed": lambda _: None}


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, site: Site) -> Iterator[str]:
    """Redis is in trouble during the test, and well afterwards."""
    name = str(request.param)
    FAULTS[name](site.valkey)
    yield name
    site.valkey.resume()
    if not site.valkey.is_running:
        site.valkey.start()


def new_address() -> str:
    number = next(_numbers)
    return f"198.18.{number >> 8}.{number & 255}"


def new_email() -> str:
    return f"person-{next(_numbers)}@example.com"


def one_account() -> Iterator[dict[str, str]]:
    """Guesses at one account, each from another address."""
    email = new_email()
    while True:
        yield {"address": new_address(), "email": email}


def one_address() -> Iterator[dict[str, str]]:
    """Guesses at many accounts, all from one address."""
    address = new_address()
    while True:
        yield {"address": address, "email": new_email()}


def one_account_of_an_organisation() -> Iterator[dict[str, str]]:
    """Guesses at one account from other addresses, with its organisation named and not."""
    email = new_email()
    while True:
        yield {"address": new_address(), "email": email}
        yield {"address": new_address(), "email": email, "organizationSlug": "acme"}


VARIED: dict[str, tuple[Callable[[], Iterator[dict[str, str]]], str]] = {
    "user": (one_account, "login-name"),
    "address": (one_address, "login"),
    "organisation": (one_account_of_an_organisation, "login-name"),
}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("varied", VARIED)
def test_no_more_than_twice_the_configured_tries_pass(site: Site, fault: str, varied: str) -> None:
    guesses, limit = VARIED[varied]
    configured = int(DEFAULTS[limit].partition("/")[0])

    def tries() -> Iterator[tuple[int, dict[str, str]]]:
        until = time.monotonic() + SECONDS
        for number, one in enumerate(guesses()):
            if number >= 2 * PROCESSES * configured:
                if time.monotonic() > until:
                    return
                time.sleep(0.2)
            yield number, one

    def guess(numbered: tuple[int, dict[str, str]]) -> int:
        number, one = numbered
        if fault == "flushed" and number % FLUSH_AFTER == 0:
            site.valkey.client.flushall()
        return site.guess(**one)

    with ThreadPoolExecutor(GUESSERS) as pool:
        answers = Counter(pool.map(guess, tries()))

    assert set(answers) <= {401, 429, 503}, answers  # 503: too many at once for a busy machine
    assert configured // 2 <= answers[401] <= 2 * configured, answers
    tested = f"guesses in a minute at {PROCESSES} processes, Redis {fault}, by {varied}"
    proven("P12", tested, f"{answers[401]} of {answers.total()} pass, where {configured} are configured")
