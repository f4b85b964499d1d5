"""Lateness: from the end of the last session that wanted a rule to the first look that did not show it."""

import pytest

from benchmarks.storm.landscape import Place
from benchmarks.storm.lateness import Wanted, judged, share, together
from benchmarks.storm.watch import Presence, Sightings

HERE: Place = (0, "81.2.69.1")
THERE: Place = (1, "81.2.69.1")


def wanted(since: float, until: float, place: Place = HERE, removed_at: float | None = None) -> Wanted:
    return Wanted(place, since, until, removed_at)


def seen(since: float, until: float | None, place: Place = HERE) -> Presence:
    return Presence(place, since, (until or 100) - 0.2, until)


def test_lateness_is_from_the_end_to_the_first_look_without_the_rule() -> None:
    [late] = judged([wanted(1, 10, removed_at=11.5)], [seen(2, 12)]).gone

    assert (late.place, late.due_at, late.gone_at, late.seconds, late.removed_at) == (HERE, 10, 12, 2, 11.5)


def test_who_shares_a_rule_keeps_it_for_the_others() -> None:
    [late] = judged([wanted(1, 10, removed_at=10), wanted(5, 20, removed_at=21)], [seen(2, 23)]).gone

    assert (late.due_at, late.seconds, late.removed_at) == (20, 3, 21)


def test_a_shorter_session_within_a_longer_one_ends_nothing() -> None:
    assert together([wanted(1, 20, removed_at=21), wanted(5, 10, removed_at=10)]) == [wanted(1, 20, removed_at=21)]


def test_the_same_address_elsewhere_is_another_rule() -> None:
    verdict = judged([wanted(1, 10), wanted(1, 20, THERE)], [seen(2, 11), seen(2, 25, THERE)])

    assert sorted(late.seconds for late in verdict.gone) == [1, 5]


def test_a_rule_that_comes_back_is_late_until_it_has_gone_for_good() -> None:
    [late] = judged([wanted(1, 10)], [seen(2, 11), seen(30, 33)]).gone

    assert late.seconds == 23


def test_a_rule_that_never_goes_is_left() -> None:
    verdict = judged([wanted(1, 10)], [seen(2, None)])

    assert (verdict.gone, verdict.left) == ([], [HERE])


def test_a_rule_that_is_wanted_again_before_it_has_gone_is_told_apart() -> None:
    verdict = judged([wanted(1, 10), wanted(14, 20)], [seen(2, 22)])

    assert [late.seconds for late in verdict.gone] == [2]
    assert verdict.retaken == [4]


def test_a_rule_that_was_gone_between_two_times_is_late_twice() -> None:
    verdict = judged([wanted(1, 10), wanted(14, 20)], [seen(2, 11), seen(15, 24)])

    assert [late.seconds for late in verdict.gone] == [1, 4]
    assert verdict.retaken == []


def test_a_rule_that_was_not_there_at_its_end_is_none_that_was_late() -> None:
    verdict = judged([wanted(1, 10), wanted(1, 10, THERE)], [seen(2, 9)])

    assert (verdict.gone, verdict.unseen) == ([], 2)


def test_looks_note_when_a_rule_was_there_and_when_no_more() -> None:
    sightings = Sightings()
    for began, shown in ((1.0, {HERE}), (2.0, {HERE, THERE}), (3.0, {THERE}), (4.0, {HERE})):
        sightings.note(shown, began, began + 0.1)

    assert sightings.presences == [
        Presence(HERE, 1.0, 2.0, 3.1),
        Presence(THERE, 2.0, 3.0, 4.1),
        Presence(HERE, 4.0, 4.0),
    ]
    assert sightings.gaps == pytest.approx([1.1, 1.1, 1.1])


def test_ninety_nine_of_a_hundred_are_not_later_than_the_share() -> None:
    assert share([], 0.99) == 0
    assert share([7.0], 0.99) == 7
    assert share(range(1, 101), 0.99) == 99
    assert share(range(1, 102), 0.99) == 100
    assert share(range(1, 1_001), 0.99) == 990
    assert share([3, 1, 2], 0.5) == 2
