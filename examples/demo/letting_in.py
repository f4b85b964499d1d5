"""The steps of the demo that EntryGuard is for: somebody is let in, and is out again."""

import re
import time

from examples.demo.cloud import Cloud
from examples.demo.expectation import expect
from examples.demo.server import EMAIL, HERE
from examples.demo.story import Play, Step
from examples.demo.users_command import Said

RESOURCE = "Web servers"
_GONE_SECONDS = 30.0  # it takes about one; a busy machine may need more
_PAUSE = 0.1


def sign_in(play: Play) -> str:
    stage = play.stage
    stage.make_command(play.screen.quote)
    said = stage.command.run(
        "login", "--endpoint", stage.url, "--email", EMAIL, password=stage.server.password_file.read_text("ascii")
    )
    _expect_success(said, "login")
    return f"{EMAIL} is signed in"


def let_in(play: Play) -> str:
    cloud = play.stage.cloud
    said = play.stage.command.run("open", RESOURCE, "--for", "30m", "--reason", "the demo", "--wait")
    _expect_success(said, "open")
    play.session_id = said.asked_for
    _show_rules(play, cloud)
    expect(cloud.let_in(cloud.web) == [HERE], f"{HERE} in the rules of {cloud.web}", cloud.let_in(cloud.web))
    others = cloud.let_in(cloud.database)
    expect(not others, f"no rule in {cloud.database}", others)
    return f"AWS lets {HERE} in to {cloud.web}, and nobody in to {cloud.database}"


def see_sessions(play: Play) -> str:
    said = play.stage.command.run("sessions")
    _expect_success(said, "sessions")
    row = rf"{re.escape(play.session_id)} +ACTIVE +{RESOURCE}"
    expect(bool(re.search(row, said.asked_for)), "a session that is ACTIVE", said.asked_for)
    return "one session is open"


def let_out(play: Play) -> str:
    cloud = play.stage.cloud
    started = time.monotonic()
    _expect_success(play.stage.command.run("close", play.session_id), "close")
    while cloud.rules() != cloud.rules_at_first and time.monotonic() - started < _GONE_SECONDS:
        time.sleep(_PAUSE)
    _show_rules(play, cloud)
    expect(cloud.rules() == cloud.rules_at_first, "the same rules in both groups as at first", "others")
    return "AWS lets nobody in any more: both groups are as they were at first"


def _show_rules(play: Play, cloud: Cloud) -> None:
    for group in (cloud.web, cloud.database):
        play.screen.say(f"    {group}   {', '.join(cloud.told_rules(group)) or 'no rule'}")


def _expect_success(said: Said, command: str) -> None:
    expect(said.code == 0, f"`entryguard {command}` to succeed", said.summary)


LETTING_IN = (
    Step("entryguard login", "The user's command: who are you?", sign_in),
    Step("entryguard open", "Let this machine in for half an hour. What does AWS say of its security groups?", let_in),
    Step("entryguard sessions", "Who is let in, where, from which address, and for how long?", see_sessions),
    Step("entryguard close", "And out again, before the time. What does AWS say now?", let_out),
)
