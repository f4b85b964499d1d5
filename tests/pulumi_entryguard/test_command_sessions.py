"""`entryguard open`, `sessions` and `close`, at a real server whose worker opens groups of the AWS stand-in."""

import json
import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from pulumi_entryguard.client import Client
from pulumi_entryguard.endpoint import api_key, parse_endpoint
from pulumi_entryguard.reading import paged
from pulumi_entryguard.sessions import is_open
from tests.clouds.aws_standin import AwsStandIn
from tests.pulumi_entryguard.doors import HERE, PASSWORD, Door, Doors, at_home
from tests.pulumi_entryguard.entryguard_command import entryguard
from tests.pulumi_entryguard.proxy import Proxy
from tests.pulumi_entryguard.real_server import RealServer


@pytest.fixture(scope="module")
def doors(real: RealServer, aws: AwsStandIn) -> Doors:
    return Doors(real, aws)


@pytest.fixture
def door(doors: Doors) -> Door:
    return doors.door()


@pytest.fixture
def pipeline(doors: Doors) -> Iterator[dict[str, str]]:
    """Who has a key of their own, and leaves no session behind."""
    mine = doors.key()
    yield mine
    entryguard("close", "--all", environment=mine)


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_door_is_open_when_the_command_has_waited(
    doors: Doors, door: Door, pipeline: dict[str, str], by: str
) -> None:
    wanted = door.id if by == "id" else door.name

    done = entryguard("open", wanted, "--for", "1h30m", "--reason", "TICKET-421", "--wait", environment=pipeline)

    assert done.returncode == 0, done.stderr
    assert doors.let_in(door) == [HERE]
    session = doors.session(done.stdout.strip())
    assert (session["status"], session["reason"]) == ("ACTIVE", "TICKET-421")
    assert f"session {session['id']}: {door.name} from 127.0.0.1, until {session['expiresAt']}\n" in done.stderr


def test_without_waiting_the_sessions_id_is_printed_at_once(doors: Doors, door: Door, pipeline: dict[str, str]) -> None:
    done = entryguard("open", "--for", "5m", door.name, environment=pipeline)

    assert done.returncode == 0, done.stderr
    assert [one["resourceId"] for one in doors.session(done.stdout.strip())["resourceIps"]] == [door.id]


def test_a_name_that_several_have_is_refused_with_their_ids(doors: Doors, pipeline: dict[str, str]) -> None:
    name = f"twins {uuid.uuid4()}"
    both = sorted(doors.door(name).id for _ in range(2))

    done = entryguard("open", name, environment=pipeline)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f'entryguard: 2 resources are named "{name}": give the id of one ({both[0]}, {both[1]})\n'


def test_a_name_that_nothing_is_like_is_refused(pipeline: dict[str, str]) -> None:
    done = entryguard("open", "zzz", environment=pipeline)

    told = 'no resource that you may open is named "zzz": `entryguard resources` lists what is'
    assert (done.returncode, done.stderr) == (1, f"entryguard: {told}\n")


def test_a_name_with_a_slip_in_it_is_answered_with_the_right_one(door: Door, pipeline: dict[str, str]) -> None:
    slip = door.name.replace("door", "DOR")

    done = entryguard("open", slip, environment=pipeline)

    told = f'no resource that you may open is named "{slip}": did you mean "{door.name}"'
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"entryguard: {told}")


def test_a_plain_user_opens_what_their_role_names_by_its_name(
    doors: Doors, door: Door, real: RealServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = at_home(tmp_path_factory.mktemp("home"), real.url)
    entryguard("login", "--email", doors.person(door).email, environment=home, given=PASSWORD)
    nobodys = doors.door()

    by_name = entryguard("open", door.name, "--wait", environment=home)
    unreached = entryguard("open", nobodys.name, environment=home)
    everything = entryguard("open", environment=home)
    listed = entryguard("resources", environment=home)
    closed = entryguard("close", "--all", environment=home)

    assert by_name.returncode == everything.returncode == closed.returncode == 0, by_name.stderr
    assert [one["resourceId"] for one in doors.session(everything.stdout.strip())["resourceIps"]] == [door.id]
    assert f'no resource that you may open is named "{nobodys.name}"' in unreached.stderr
    assert [re.split(r"  +", line) for line in listed.stdout.splitlines()] == [
        ["NAME", "CLOUD", "AT MOST", "ID"],
        [door.name, "AWS", "24 h", door.id],
    ]
    assert doors.is_closed_soon(door)


def test_what_cannot_be_opened_now_is_told_below_the_list(doors: Doors, pipeline: dict[str, str]) -> None:
    wall = doors.wall()

    shown = entryguard("resources", environment=pipeline)
    listed = json.loads(entryguard("resources", "--json", environment=pipeline).stdout)

    assert f"{wall.name} can't be opened now: InvalidGroup.NotFound" in shown.stderr
    assert wall.id in shown.stdout
    (ours,) = (one for one in listed if one["id"] == wall.id)
    assert ours["obstacle"].startswith("InvalidGroup.NotFound")


def test_who_may_open_nothing_is_told_so(
    doors: Doors, real: RealServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = at_home(tmp_path_factory.mktemp("home"), real.url)
    entryguard("login", "--email", doors.person().email, environment=home, given=PASSWORD)

    done = entryguard("resources", environment=home)

    told = "there is nothing that you may open: an administrator gives you a role that names something\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", told)


def test_a_door_that_does_not_open_is_named_with_the_reason(doors: Doors, pipeline: dict[str, str]) -> None:
    wall = doors.wall()

    done = entryguard("open", wall.id, "--wait", environment=pipeline)

    session = done.stdout.strip()
    assert done.returncode == 1
    assert f"entryguard: session {session} is FAILED; not open: {wall.name} (127.0.0.1): " in done.stderr
    assert f"session {session} goes on: `entryguard close {session}` ends it\n" in done.stderr


def test_of_two_doors_the_one_that_does_not_open_is_named(doors: Doors, door: Door, pipeline: dict[str, str]) -> None:
    wall = doors.wall()

    done = entryguard("open", door.id, wall.id, "--wait", environment=pipeline)

    assert done.returncode == 1
    assert f"is PARTIAL; open: {door.name}; not open: {wall.name} (127.0.0.1): " in done.stderr


def test_what_the_api_refuses_is_told_in_its_words(door: Door, pipeline: dict[str, str]) -> None:
    done = entryguard("open", door.id, "--for", "25h", environment=pipeline)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("entryguard: DURATION_EXCEEDED: ")


def test_where_no_answer_comes_it_is_not_known_whether_somebody_was_let_in(
    door: Door, pipeline: dict[str, str]
) -> None:
    done = entryguard("open", door.id, environment=pipeline | {"ENTRYGUARD_ENDPOINT": "http://127.0.0.1:1"})

    assert done.returncode == 1
    assert "whether a session was started is not known: `entryguard sessions` shows it\n" in done.stderr


def test_where_a_proxy_lost_the_answer_it_is_not_known_whether_somebody_was_let_in(
    doors: Doors, door: Door, pipeline: dict[str, str], proxy: Proxy
) -> None:
    proxy.lose("POST", "/sessions", times=9, is_handed_on=True)

    done = entryguard("open", door.id, environment=pipeline | {"ENTRYGUARD_ENDPOINT": proxy.url})
    shown = entryguard("sessions", environment=pipeline)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "whether a session was started is not known: `entryguard sessions` shows it\n"
        f"entryguard: HTTP_502: the proxy at {proxy.url} gets no answer from EntryGuard\n"
    )
    assert door.name in shown.stdout


def test_what_is_wrong_is_listed_below_the_table(doors: Doors, pipeline: dict[str, str]) -> None:
    wall = doors.wall()
    session = entryguard("open", wall.id, "--wait", environment=pipeline).stdout.strip()

    done = entryguard("sessions", environment=pipeline)

    assert "FAILED" in done.stdout
    assert done.stderr.startswith(f"session {session}: {wall.name} (127.0.0.1): ")


def test_a_table_shows_what_is_open_from_where_and_for_how_long(door: Door, pipeline: dict[str, str]) -> None:
    session = entryguard("open", door.id, "--for", "2h", "--wait", environment=pipeline).stdout.strip()

    done = entryguard("sessions", environment=pipeline)

    heads, row = done.stdout.splitlines()
    assert re.split(r"  +", heads) == ["ID", "STATUS", "RESOURCES", "FROM", "ENDS IN"]
    assert re.split(r"  +", row)[:4] == [session, "ACTIVE", door.name, "127.0.0.1"]
    assert re.search(r"  (2 h|1 h 59 min)$", row)


def test_nobody_elses_sessions_are_listed_unless_all_are_asked_for(
    doors: Doors, door: Door, pipeline: dict[str, str]
) -> None:
    administrator = doors.key("USER")
    others = entryguard("open", door.id, environment=pipeline).stdout.strip()

    mine = entryguard("sessions", environment=administrator)
    everybodys = entryguard("sessions", "--all", environment=administrator)

    assert (mine.stdout, mine.stderr) == ("", "no session is open\n")
    assert others in everybodys.stdout
    assert everybodys.stdout.split("\n")[0].endswith("WHO")


def test_sessions_are_listed_for_programs_too(doors: Doors, door: Door, pipeline: dict[str, str]) -> None:
    session = entryguard("open", door.id, "--wait", environment=pipeline).stdout.strip()

    listed = json.loads(entryguard("sessions", "--json", environment=pipeline).stdout)

    assert listed == [doors.session(session)]


def test_a_closed_session_lets_nobody_in_and_can_be_closed_again(
    doors: Doors, door: Door, pipeline: dict[str, str]
) -> None:
    session = entryguard("open", door.id, "--wait", environment=pipeline).stdout.strip()

    closed = entryguard("close", session, environment=pipeline)
    again = entryguard("close", session, environment=pipeline)

    assert (closed.returncode, closed.stdout, closed.stderr) == (0, "", f"session {session} is closed\n")
    assert again.returncode == 0
    assert doors.is_closed_soon(door)
    assert "-" in entryguard("sessions", "--all", environment=pipeline).stdout


def test_closing_all_closes_ones_own_and_nobody_elses(doors: Doors, door: Door, pipeline: dict[str, str]) -> None:
    administrator = doors.key("USER")
    theirs = entryguard("open", door.id, environment=pipeline).stdout.strip()
    mine = [entryguard("open", door.id, environment=administrator).stdout.strip() for _ in range(2)]

    done = entryguard("close", "--all", environment=administrator)
    left = doors.session(theirs)

    assert done.returncode == 0, done.stderr
    assert all(doors.session(one)["endedReason"] == "MANUAL" for one in mine)
    assert left["endedAt"] is None


def test_closing_all_where_nothing_is_open_says_so(pipeline: dict[str, str]) -> None:
    done = entryguard("close", "--all", environment=pipeline)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no session of yours is open\n")


def test_a_session_is_extended_by_so_much(doors: Doors, door: Door, pipeline: dict[str, str]) -> None:
    session = entryguard("open", door.id, "--for", "30m", environment=pipeline).stdout.strip()
    before = ends(doors, session)

    named = entryguard("extend", session, "--for", "1h", environment=pipeline)
    only_one = entryguard("extend", "--for", "5m", environment=pipeline)

    assert (named.returncode, only_one.returncode) == (0, 0), named.stderr + only_one.stderr
    assert ends(doors, session) - before == timedelta(minutes=65)
    until = doors.session(session)["expiresAt"]
    assert only_one.stderr == f"session {session}: {door.name} from 127.0.0.1, until {until}\n"


def ends(doors: Doors, session: str) -> datetime:
    return datetime.fromisoformat(doors.session(session)["expiresAt"])


def test_which_session_is_meant_is_asked_where_it_is_not_plain(door: Door, pipeline: dict[str, str]) -> None:
    none = entryguard("extend", "--for", "1h", environment=pipeline)
    ids = [entryguard("open", door.id, environment=pipeline).stdout.strip() for _ in range(2)]
    several = entryguard("move", environment=pipeline)

    assert (none.returncode, none.stderr) == (1, "entryguard: no session of yours is open\n")
    told = "2 sessions of yours are open: give the id of one"
    assert (several.returncode, several.stderr) == (1, f"entryguard: {told} ({ids[1]}, {ids[0]})\n")


def test_who_moves_nowhere_stays_let_in(doors: Doors, door: Door, pipeline: dict[str, str]) -> None:
    session = entryguard("open", door.id, "--wait", environment=pipeline).stdout.strip()

    done = entryguard("move", session, "--wait", environment=pipeline)

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.endswith(f"session {session} is open\n")
    assert doors.let_in(door) == [HERE]


def test_one_that_cannot_be_closed_keeps_no_other_from_it(doors: Doors, door: Door, pipeline: dict[str, str]) -> None:
    session = entryguard("open", door.id, environment=pipeline).stdout.strip()
    nobodys = str(uuid.uuid4())

    done = entryguard("close", nobodys, session, environment=pipeline)

    assert done.returncode == 1
    assert f"entryguard: session {nobodys} was not closed: SESSION_NOT_FOUND: " in done.stderr
    assert doors.session(session)["endedAt"] is not None


def test_where_the_answer_is_lost_it_is_not_known_whether_a_session_is_closed(
    doors: Doors, door: Door, pipeline: dict[str, str], proxy: Proxy
) -> None:
    session = entryguard("open", door.id, environment=pipeline).stdout.strip()
    proxy.lose("POST", "/stop", times=1, is_handed_on=True)

    done = entryguard("close", session, environment=pipeline | {"ENTRYGUARD_ENDPOINT": proxy.url})

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"entryguard: whether session {session} is closed is not known: HTTP_502: the proxy at {proxy.url} gets no "
        f"answer from EntryGuard; `entryguard close {session}` closes it\n"
    )
    assert doors.session(session)["endedReason"] == "MANUAL"


def test_a_list_that_comes_in_pages_is_read_whole(real: RealServer, door: Door, pipeline: dict[str, str]) -> None:
    for _ in range(3):
        entryguard("open", door.id, "--wait", environment=pipeline)
    client = Client(parse_endpoint(real.url), api_key(pipeline["ENTRYGUARD_API_KEY"]))

    one_by_one = [session["id"] for session in paged(client, "/sessions", "&status=ACTIVE", size=1)]

    assert len(one_by_one) >= 3
    assert one_by_one == [session["id"] for session in paged(client, "/sessions", "&status=ACTIVE")]


@pytest.mark.parametrize(
    ("status", "grants", "expected"),
    [
        ("PENDING", ["PENDING"], None),
        ("PENDING", [], None),
        ("PENDING", ["APPLIED"], None),
        ("PARTIAL", ["APPLIED", "APPLIED"], None),
        ("PARTIAL", ["APPLIED", "PENDING"], None),
        ("PARTIAL", ["APPLIED", "REMOVED"], None),
        ("PARTIAL", ["APPLIED", "REMOVING"], None),
        ("PARTIAL", ["REMOVING", "REMOVED"], None),
        ("PARTIAL", ["APPLIED", "FAILED"], False),
        ("PARTIAL", ["APPLIED", "FAILED", "REMOVED"], False),
        ("ACTIVE", ["APPLIED"], True),
        ("FAILED", ["FAILED"], False),
        ("EXPIRED", ["REMOVED"], False),
    ],
)
def test_what_is_partly_open_is_waited_for_as_long_as_the_rest_is_under_way(
    status: str, grants: list[str], expected: bool | None
) -> None:
    assert is_open({"status": status, "resourceIps": [{"status": grant} for grant in grants]}) is expected


@pytest.mark.parametrize(
    "arguments",
    [("close",), ("close", "--all", "x"), ("open", "web", "--"), ("extend",), ("move", "-4", "-6")],
)
def test_a_command_line_that_says_too_little_or_too_much_makes_no_sense(arguments: tuple[str, ...]) -> None:
    done = entryguard(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: entryguard ")
