"""One browser and one server for all tests of a process, an organisation for each module, a visitor for each test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.clouds.aws_standin import AwsStandIn
from tests.web.chromium import browser
from tests.web.site import Running, Site, running_server
from tests.web.visitor import WIDE, Visitor


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, aws: AwsStandIn) -> Iterator[Running]:
    with running_server(tmp_path_factory.mktemp("server"), aws) as server:
        yield server


@pytest.fixture(scope="module")
def site(running: Running, request: pytest.FixtureRequest) -> Site:
    """An organisation of the module's own, in which nothing is yet."""
    return running.organisation(request.module.__name__.rsplit(".", maxsplit=1)[-1])


@pytest.fixture(scope="module")
def _signed_in(site: Site, chromium: Browser) -> object:
    """The administrator's cookie: to sign in once a module is enough."""
    context = chromium.new_context()
    Visitor.at(site, context).sign_in()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser without a history, in which nobody is signed in."""
    made = chromium.new_context(viewport=WIDE)  # type: ignore[arg-type]
    yield made
    made.close()


@pytest.fixture
def stranger(site: Site, context: BrowserContext) -> Iterator[Visitor]:
    """Somebody who has not signed in. The browser has nothing to complain of, and holds no secret."""
    visitor = Visitor.at(site, context)
    yield visitor
    assert visitor.complaints == [] and visitor.leaks() == []


@pytest.fixture
def ada(stranger: Visitor, _signed_in: dict[str, object]) -> Visitor:
    """The administrator, signed in."""
    stranger.context.add_cookies(_signed_in["cookies"])  # type: ignore[arg-type]
    return stranger
