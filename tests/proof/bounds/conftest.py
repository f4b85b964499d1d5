"""A server of its own for each file of tests here, as an operator starts it, and ways to ask it many things at once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import pytest

from api.openapi import BASE_PATH
from tests.api.conftest import HIGH_LIMITS
from tests.served_api import EMAIL, PASSWORD, served
from tests.server_process import ApiProcess

Answer = tuple[int, Any]
Headers = dict[str, str]


@pytest.fixture(scope="module")
def server(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    """`entryguard-server serve` over a fresh database, with an administrator of a Free organisation."""
    with served(
        tmp_path_factory.mktemp("server"),
        ENTRYGUARD_DATABASE_URL=url,
        ENTRYGUARD_RATE_LIMITS=HIGH_LIMITS,
        ENTRYGUARD_DEFAULT_TIER="FREE",
    ) as running:
        yield running


@dataclass(frozen=True)
class Asking:
    """Somebody who has signed in."""

    server: ApiProcess
    headers: Headers

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.server.ask(method, f"{BASE_PATH}{path}", body, {**self.headers, **more})

    def make(self, path: str, body: Any) -> Any:
        """What a POST that must succeed has made."""
        status, made = self.ask("POST", path, body)
        assert status == 201, made
        return made


def sign_in(server: ApiProcess, email: str = EMAIL) -> Asking:
    status, login = server.ask("POST", f"{BASE_PATH}/auth/login", {"email": email, "password": PASSWORD})
    assert status == 200, login
    return Asking(server, {"Authorization": f"Bearer {login['accessToken']}"})


@pytest.fixture(scope="module")
def admin(server: ApiProcess) -> Asking:
    """The administrator."""
    return sign_in(server)


def at_once(asks: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """All of the requests, begun at the same moment; their answers in the same order."""
    ready = Barrier(len(asks))

    def ask(one: Callable[[], Answer]) -> Answer:
        ready.wait(60)
        return one()

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(ask, asks))
