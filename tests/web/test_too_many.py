"""Somebody who asks too often: what was typed stays, and is sent once there is room again."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from api.notify import redis_client
from tests.clouds.aws_standin import AwsStandIn
from tests.web.site import Running, running_server
from tests.web.visitor import Visitor

pytestmark = pytest.mark.timeout(600)

# Enough for signing in.
_FEW = "write=5/day"
_END_SECONDS = 20


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, aws: AwsStandIn) -> Iterator[Running]:
    with running_server(tmp_path_factory.mktemp("server"), aws, ENTRYGUARD_RATE_LIMITS=_FEW) as server:
        yield server


def test_who_asks_too_often_is_told_so_and_what_was_typed_stays(ada: Visitor) -> None:
    page, banner, key = ada.go("/credentials/new"), ada.page.locator("#lost"), ada.site.key()
    page.get_by_label("Name", exact=True).fill("Typed too fast")
    page.get_by_label("Access Key ID").fill(key.access_key_id)
    page.get_by_label("Secret Access Key").fill(key.secret_access_key)
    use_up(ada)

    page.get_by_role("button", name="Create").click()
    expect(banner).to_contain_text("Too many requests", use_inner_text=True)
    expect(banner).to_contain_text("Wait a minute, then try again.", use_inner_text=True)
    expect(banner).not_to_contain_text("connection", use_inner_text=True)
    expect(page.get_by_label("Secret Access Key")).to_have_value(key.secret_access_key)
    ada.look("credentials-too-many")
    with page.expect_response(lambda answer: answer.status == 429):
        page.get_by_role("button", name="Try again").click()
    expect(page.get_by_label("Secret Access Key")).to_have_value(key.secret_access_key)
    make_room(ada.site.running)
    page.get_by_role("button", name="Try again").click()

    expect(ada.row("Typed too fast")).to_have_count(1)
    expect(banner).to_be_hidden()
    ada.complaints[:] = [told for told in ada.complaints if "Response Status Error Code 429" not in told]


def test_after_too_many_requests_a_lost_connection_is_told_as_such(ada: Visitor) -> None:
    page, banner = ada.go("/credentials/new"), ada.page.locator("#lost")
    use_up(ada)
    for name, text in (("Name", "Late"), ("Access Key ID", "AKIATYPED"), ("Secret Access Key", "typed")):
        page.get_by_label(name, exact=True).fill(text)
    page.get_by_role("button", name="Create").click()
    expect(banner).to_contain_text("Too many requests", use_inner_text=True)

    ada.context.set_offline(True)
    page.get_by_role("button", name="Try again").click()

    expect(banner).to_contain_text("The connection to EntryGuard is lost.", use_inner_text=True)
    expect(banner).not_to_contain_text("Too many requests", use_inner_text=True)
    ada.context.set_offline(False)
    expected = ("ERR_INTERNET_DISCONNECTED", "htmx:", "Response Status Error Code 429")
    ada.complaints[:] = [told for told in ada.complaints if not any(word in told for word in expected)]


def use_up(visitor: Visitor) -> None:
    """Ask until it is too often."""
    where = f"{visitor.site.url}/credentials/nothing/verify"
    while visitor.context.request.post(where, headers={"Sec-Fetch-Site": "same-origin"}).status != 429:
        pass


def make_room(running: Running) -> None:
    """What was counted is forgotten, by Redis and by the processes of the API."""
    running.api.terminate(_END_SECONDS)
    redis_client(running.settings["ENTRYGUARD_REDIS_URL"]).flushall()
    running.api.start()
    running.api.wait_until_ready()
