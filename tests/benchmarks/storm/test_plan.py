"""What a storm does follows from its seed alone, and suits what the server allows."""

import dataclasses
from collections import Counter

from api.accounts.tiers import limits_of
from benchmarks.storm.plan import ADDRESSES, EARLY_SECONDS, TARGETS, Fate, Mode, Plan, Victim, kills, visits


def a_plan(seed: int = 1, sessions: int = 2_000, rate: float = 4.0) -> Plan:
    return Plan(Mode.STORM, seed, sessions=sessions, kills=200, rate=rate, away_seconds=0)


def test_the_same_seed_gives_the_same_storm() -> None:
    assert list(visits(a_plan())) == list(visits(a_plan()))
    assert kills(a_plan()) == kills(a_plan())


def test_another_seed_gives_another_storm() -> None:
    assert list(visits(a_plan(1))) != list(visits(a_plan(2)))
    assert kills(a_plan(1)) != kills(a_plan(2))


def test_kills_are_as_many_as_asked_for_over_the_whole_time_and_of_every_kind() -> None:
    planned = kills(a_plan())

    assert len(planned) == 200
    assert planned == sorted(planned, key=lambda kill: kill.at)
    assert planned[0].at < 20
    assert 450 < planned[-1].at <= a_plan().seconds
    assert {kill.victim for kill in planned} == set(Victim)


def test_sessions_come_at_the_rate_to_every_target_from_every_address_and_end_in_every_way() -> None:
    planned = list(visits(a_plan()))

    assert [visit.number for visit in planned] == list(range(2_000))
    assert all(visit.number / 4 <= visit.at <= (visit.number + 1) / 4 for visit in planned)
    assert {number for visit in planned for number in visit.targets} == set(range(TARGETS))
    assert {visit.address for visit in planned} == set(ADDRESSES)
    assert {visit.fate for visit in planned} == set(Fate)
    assert all(visit.address != visit.other_address for visit in planned)
    assert all(len(set(visit.targets)) == len(visit.targets) for visit in planned)


def test_a_cloud_that_goes_away_has_much_to_keep() -> None:
    plan = Plan(Mode.CLOUD_AWAY, 1, sessions=2_000, kills=0, rate=2_000 / 1_260, away_seconds=1_200)

    times = [visit.at for visit in visits(plan)]

    assert times == sorted(times)
    assert sum(at < EARLY_SECONDS for at in times) == 100
    assert 1_200 < times[-1] <= plan.seconds


def test_nobody_has_more_sessions_at_a_time_than_the_tier_allows() -> None:
    for mode, rate in ((Mode.STORM, 1.0), (Mode.STORM, 4.0), (Mode.STORM, 10.0), (Mode.CLOUD_AWAY, 1.6)):
        most: Counter[int] = Counter()
        planned = list(visits(dataclasses.replace(a_plan(rate=rate), mode=mode)))
        for visit in planned:
            theirs = [other for other in planned if other.caller == visit.caller and other.at <= visit.at]
            live = sum(other.at + other.seconds + other.extension + 5 > visit.at for other in theirs)
            most[visit.caller] = max(most[visit.caller], live)
        assert max(most.values()) <= limits_of("PAID").sessions_per_user
