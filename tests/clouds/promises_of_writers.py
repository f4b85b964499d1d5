"""What every cloud promises about a target that somebody else writes to at the same moment."""

from api.clouds import Connection, Target, Unreachable
from api.clouds.rules import Found, Kept, State
from tests.clouds.sites import Site, a_rule, applied, listed, state

_ATTEMPTS = 5


class PromisesOfWriters:
    """Part of the promises of a cloud."""

    def test_a_rule_and_those_of_a_writer_at_the_same_moment_are_all_there(
        self, site: Site, connection: Connection, target: Target
    ) -> None:
        rule = a_rule("81.2.69.142/32")

        with site.racing(target) as theirs:
            kept = _applied_in_the_end(connection, target, Kept(rule, added=True))

        assert listed(connection, target, kept) == Found(State.PRESENT, kept.provider_ids, ours=True)
        assert theirs
        assert all(listed(connection, target, Kept(each)).foreign for each in theirs)

    def test_a_rule_goes_and_those_of_a_writer_at_the_same_moment_stay(
        self, site: Site, connection: Connection, target: Target
    ) -> None:
        kept = applied(connection, target, a_rule("81.2.69.142/32"))

        with site.racing(target) as theirs:
            _revoke_in_the_end(connection, target, kept)

        assert state(connection, target, kept) is State.ABSENT
        assert theirs
        assert all(listed(connection, target, Kept(each)).foreign for each in theirs)


def _applied_in_the_end(connection: Connection, target: Target, kept: Kept) -> Kept:
    for _ in range(_ATTEMPTS):
        try:
            return Kept(kept.rule, connection.apply(target, kept), added=True)
        except Unreachable:
            continue
    raise TimeoutError("no verdict")


def _revoke_in_the_end(connection: Connection, target: Target, kept: Kept) -> None:
    for _ in range(_ATTEMPTS):
        try:
            connection.revoke(target, kept)
        except Unreachable:
            continue
        return
    raise TimeoutError("no verdict")
