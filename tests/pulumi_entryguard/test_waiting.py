import time
from typing import Any

import pytest

from pulumi_entryguard.errors import EntryGuardError, NotFound, NoVerdict, Unreachable, api_error
from pulumi_entryguard.waiting import Verdict, wait_for_verdict, wait_until_gone

GOOD = Verdict(True)
AWAY = [Unreachable("away"), api_error(502, None, "EntryGuard"), api_error(504, None, "EntryGuard")]


def undecided(_shown: Any) -> Verdict | None:
    return None


def test_a_verdict_that_is_there_needs_no_look() -> None:
    def look() -> dict[str, Any]:
        raise AssertionError("looked")

    assert wait_for_verdict(look, {}, lambda _: GOOD, 5, "it") == GOOD


def test_no_verdict_in_time_says_for_how_long_it_was_waited() -> None:
    with pytest.raises(NoVerdict, match=r"no verdict on credential in 0\.3 s; it is kept: run `pulumi up` again"):
        wait_for_verdict(dict, {}, undecided, 0.3, "credential")


@pytest.mark.parametrize("away", AWAY)
def test_an_api_that_is_away_meanwhile_is_waited_for(away: EntryGuardError) -> None:
    answers = iter([away, None])

    def look() -> dict[str, Any]:
        if (error := next(answers)) is not None:
            raise error
        return {"isValid": True}

    assert wait_for_verdict(look, {}, lambda shown: GOOD if shown else None, 5, "it") == GOOD


def test_an_api_that_stays_away_is_named() -> None:
    def look() -> dict[str, Any]:
        raise Unreachable("EntryGuard can't be reached")

    with pytest.raises(NoVerdict, match="EntryGuard can't be reached"):
        wait_for_verdict(look, {}, undecided, 0.5, "it")


def test_what_is_gone_is_waited_for_no_longer() -> None:
    def look() -> dict[str, Any]:
        raise NotFound(404, "CREDENTIAL_NOT_FOUND", "gone")

    begun = time.monotonic()
    wait_until_gone(look, "credential", 5)

    assert time.monotonic() - begun < 0.1


@pytest.mark.parametrize("away", AWAY)
def test_an_api_that_is_away_while_something_is_deleted_is_waited_for(away: EntryGuardError) -> None:
    looks = iter([away, NotFound(404, "CREDENTIAL_NOT_FOUND", "gone")])

    def look() -> dict[str, Any]:
        raise next(looks)

    wait_until_gone(look, "credential", 5)

    assert next(looks, None) is None


def test_where_nobody_answers_it_is_not_known_whether_something_is_gone() -> None:
    def look() -> dict[str, Any]:
        raise Unreachable("EntryGuard can't be reached")

    with pytest.raises(NoVerdict, match=r"credential is gone is not known after 0\.3 s: EntryGuard can't be"):
        wait_until_gone(look, "credential", 0.3)


def test_what_stays_says_why() -> None:
    with pytest.raises(NoVerdict, match=r"still being deleted after 0\.3 s: AccessDenied: no"):
        wait_until_gone(lambda: {"verificationError": "AccessDenied: no"}, "credential", 0.3)
