"""`entryguard login` and `logout`, at a real server."""

import contextlib
import fcntl
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from examples.demo.entryguard_api import EntryGuardApi
from tests.clouds.aws_standin import AwsStandIn
from tests.eventually import eventually
from tests.examples.terminal import on_a_terminal, read_until
from tests.pulumi_entryguard.doors import PASSWORD, Doors, Person
from tests.pulumi_entryguard.entryguard_command import COMMAND, SECONDS, entryguard, entryguard_started, surroundings
from tests.pulumi_entryguard.real_server import RealServer

NOBODY = "nobody is signed in: use `entryguard login`"


@pytest.fixture(scope="module")
def person(real: RealServer, aws: AwsStandIn) -> Person:
    return Doors(real, aws).person()


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody whose logins are kept in a folder of their own."""
    return {"XDG_CONFIG_HOME": str(tmp_path)}


@pytest.fixture
def signed_in(real: RealServer, person: Person, home: dict[str, str]) -> dict[str, str]:
    """The same, signed in."""
    done = entryguard("login", "--endpoint", real.url, "--email", person.email, environment=home, given=PASSWORD)
    assert done.returncode == 0, done.stderr
    return home


def file_of(home: dict[str, str]) -> Path:
    return Path(home["XDG_CONFIG_HOME"]) / "entryguard" / "login.json"


def kept(home: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file_of(home).read_text())
    return found


def let_expire(home: dict[str, str]) -> None:
    file_of(home).write_text(json.dumps(kept(home) | {"access_token": "a.b.c", "good_until": 0}))


def test_a_login_is_kept_for_its_owners_eyes_only(signed_in: dict[str, str], real: RealServer, person: Person) -> None:
    assert stat.S_IMODE(file_of(signed_in).stat().st_mode) == 0o600
    assert stat.S_IMODE(file_of(signed_in).parent.stat().st_mode) == 0o700
    assert (kept(signed_in)["endpoint"], kept(signed_in)["email"]) == (real.url, person.email)
    assert PASSWORD not in file_of(signed_in).read_text()


def test_who_is_signed_in_needs_no_other_setting(signed_in: dict[str, str]) -> None:
    done = entryguard("sessions", environment=signed_in)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no session is open\n")


def test_on_a_terminal_the_password_is_asked_for_and_not_shown(
    real: RealServer, person: Person, home: dict[str, str]
) -> None:
    with on_a_terminal([*COMMAND, "login", "--endpoint", real.url], surroundings(home)) as (process, terminal):
        said = read_until(terminal, "E-mail address: ")
        os.write(terminal, f"{person.email}\n".encode())
        said += read_until(terminal, "Password: ")
        os.write(terminal, f"{PASSWORD}\n".encode())
        said += read_until(terminal, None)
        code = process.wait(30)

    assert code == 0, said
    assert f"{person.email} is signed in to {real.url}" in said
    assert PASSWORD not in said


@pytest.mark.parametrize(
    ("given", "said"),
    [("wrong", "UNAUTHORIZED: The email or the password is wrong"), ("", "password: nothing was given")],
)
def test_who_does_not_know_the_password_is_not_signed_in(
    real: RealServer, person: Person, home: dict[str, str], given: str, said: str
) -> None:
    done = entryguard("login", "--endpoint", real.url, "--email", person.email, environment=home, given=given)

    assert (done.returncode, done.stderr) == (1, f"entryguard: {said}\n")
    assert not file_of(home).exists()


def test_an_organisation_that_is_not_ours_is_passed_on(real: RealServer, person: Person, home: dict[str, str]) -> None:
    asked = ("login", "--endpoint", real.url, "--email", person.email, "--organization", "elsewhere")

    assert entryguard(*asked, environment=home, given=PASSWORD).returncode == 1


def test_where_a_login_cannot_be_kept_nobody_is_signed_in(real: RealServer, person: Person, tmp_path: Path) -> None:
    (tmp_path / "entryguard").write_text("no folder")
    asked = ("login", "--endpoint", real.url, "--email", person.email)

    done = entryguard(*asked, environment={"XDG_CONFIG_HOME": str(tmp_path)}, given=PASSWORD)

    assert done.returncode == 1
    assert f"{tmp_path}/entryguard can't be written: " in done.stderr


def test_a_server_has_to_be_named_once(home: dict[str, str]) -> None:
    done = entryguard("login", environment=home)

    assert (done.returncode, done.stdout) == (1, "")
    assert "which server? Say `entryguard login --endpoint https://entryguard.example.com`" in done.stderr


def test_signing_in_again_needs_no_address_and_ends_the_login_before(
    signed_in: dict[str, str], real: RealServer, person: Person
) -> None:
    before = kept(signed_in)

    again = entryguard("login", "--email", person.email, environment=signed_in, given=PASSWORD)

    assert again.returncode == 0, again.stderr
    assert refused_with(before["access_token"], real)


def refused_with(token: str, real: RealServer) -> bool:
    done = entryguard("sessions", environment={"ENTRYGUARD_ENDPOINT": real.url, "ENTRYGUARD_TOKEN": token})
    return "UNAUTHORIZED" in done.stderr


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_login_that_others_can_read_is_not_used(signed_in: dict[str, str], mode: int) -> None:
    file_of(signed_in).chmod(mode)

    done = entryguard("sessions", environment=signed_in)

    assert (done.returncode, done.stdout) == (1, "")
    assert f"{file_of(signed_in)} can be read by others, so it is not used: `chmod 600` it" in done.stderr


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"endpoint": "https://entryguard.example.com"}'])
def test_a_file_that_is_no_login_is_told_in_a_sentence(signed_in: dict[str, str], text: str) -> None:
    file_of(signed_in).write_text(text)

    done = entryguard("sessions", environment=signed_in)

    assert done.returncode == 1
    assert "is no login of this version: sign in again with `entryguard login`" in done.stderr


def test_an_access_token_that_expires_is_exchanged(signed_in: dict[str, str]) -> None:
    before = kept(signed_in)
    let_expire(signed_in)

    done = entryguard("sessions", environment=signed_in)

    assert done.returncode == 0, done.stderr
    assert kept(signed_in)["refresh_token"] != before["refresh_token"]
    assert stat.S_IMODE(file_of(signed_in).stat().st_mode) == 0o600


def test_commands_that_exchange_a_token_at_once_do_not_end_the_login(signed_in: dict[str, str]) -> None:
    """A refresh token that is shown twice would."""
    let_expire(signed_in)

    with ThreadPoolExecutor(6) as several:
        all_done = list(several.map(lambda _: entryguard("sessions", environment=signed_in), range(6)))

    assert [done.stderr for done in all_done] == ["no session is open\n"] * 6
    assert entryguard("sessions", environment=signed_in).returncode == 0


def test_a_command_waits_for_another_ones_exchange_and_takes_what_came_of_it(
    signed_in: dict[str, str], real: RealServer
) -> None:
    before = kept(signed_in)
    let_expire(signed_in)
    with file_of(signed_in).with_name("login.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with entryguard_started("sessions", environment=signed_in) as process:
            assert eventually(lambda: has_open(process.pid, "login.lock"), SECONDS)
            new = EntryGuardApi(real.url, {}).ask("POST", "/auth/refresh", {"refreshToken": before["refresh_token"]})
            exchanged = before | {"access_token": new["accessToken"], "refresh_token": new["refreshToken"]}
            file_of(signed_in).write_text(json.dumps(exchanged))
            fcntl.flock(lock, fcntl.LOCK_UN)
            said = process.communicate(timeout=SECONDS)[1]

    assert said == "no session is open\n"
    assert kept(signed_in) == exchanged


def has_open(pid: int, name: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return any(descriptor.resolve().name == name for descriptor in Path(f"/proc/{pid}/fd").iterdir())
    return False


def test_a_login_that_has_ended_is_told(signed_in: dict[str, str]) -> None:
    copied = file_of(signed_in).read_text()
    entryguard("logout", environment=signed_in)
    file_of(signed_in).write_text(copied)
    file_of(signed_in).chmod(0o600)
    let_expire(signed_in)

    done = entryguard("sessions", environment=signed_in)

    assert done.stderr == "entryguard: the login has ended: sign in again with `entryguard login`\n"


@pytest.mark.parametrize("is_expired", [False, True])
def test_signing_out_ends_the_login_here_and_at_the_server(
    signed_in: dict[str, str], real: RealServer, person: Person, is_expired: bool
) -> None:
    token = kept(signed_in)["access_token"]
    if is_expired:
        let_expire(signed_in)

    done = entryguard("logout", environment=signed_in)

    assert (done.returncode, done.stderr) == (0, f"{person.email} is signed out of {real.url}\n")
    assert not file_of(signed_in).exists()
    assert refused_with(token, real)


def test_who_is_not_signed_in_can_sign_out(home: dict[str, str]) -> None:
    done = entryguard("logout", environment=home)

    assert (done.returncode, done.stderr) == (0, "nobody was signed in\n")


def test_signing_out_where_the_server_is_away_forgets_the_login_and_says_so(signed_in: dict[str, str]) -> None:
    file_of(signed_in).write_text(json.dumps(kept(signed_in) | {"endpoint": "http://127.0.0.1:1"}))

    done = entryguard("logout", environment=signed_in)

    assert done.returncode == 1
    assert "http://127.0.0.1:1 can't be reached" in done.stderr
    assert "you are signed out here; at the server the login ends by itself within 7 days" in done.stderr
    assert not file_of(signed_in).exists()


@pytest.mark.parametrize("name", ["ENTRYGUARD_API_KEY", "ENTRYGUARD_TOKEN"])
def test_the_environment_goes_before_the_login(signed_in: dict[str, str], real: RealServer, name: str) -> None:
    done = entryguard("sessions", environment=signed_in | {"ENTRYGUARD_ENDPOINT": real.url, name: "egk_x"})

    assert "UNAUTHORIZED" in done.stderr


def test_a_login_is_shown_to_no_other_server(signed_in: dict[str, str], real: RealServer) -> None:
    done = entryguard("sessions", environment=signed_in | {"ENTRYGUARD_ENDPOINT": "http://127.0.0.1:1"})

    assert done.returncode == 1
    assert f"you are signed in to {real.url}, and ENTRYGUARD_ENDPOINT says http://127.0.0.1:1" in done.stderr


def test_who_is_not_signed_in_is_told_how(real: RealServer, home: dict[str, str]) -> None:
    assert NOBODY in entryguard("sessions", environment=home | {"ENTRYGUARD_ENDPOINT": real.url}).stderr
