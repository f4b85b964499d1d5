"""What every cloud promises, as one class of tests: a cloud's own file says where it is asked, and inherits them."""

import copy
import pickle

import pytest

from api.clouds import Connection, Refused, Target, Unreachable
from api.clouds.base import Full, Throttled, before_call
from api.clouds.rules import Found, Kept, State
from tests.clouds.promises_of_writers import PromisesOfWriters
from tests.clouds.sites import (
    ELSEWHERE,
    HERE,
    OPENINGS,
    Site,
    SiteWithAQuota,
    SiteWithTags,
    a_rule,
    applied,
    listed,
    once_ready,
    state,
)

FAMILIES = pytest.mark.parametrize("written", ["81.2.69.142/32", "2a00:1450:4001:82a::200e/128"], ids=["v4", "v6"])


class PromisesOfACloud(PromisesOfWriters):
    """Inherited by a class with a fixture `site`."""

    @pytest.fixture
    def connection(self, site: Site) -> Connection:
        return site.cloud.connect(site.credential_data(), site.endpoints)

    @pytest.fixture
    def target(self, site: Site) -> Target:
        return site.target()

    def test_a_right_credential_is_verified(self, connection: Connection, target: Target) -> None:
        assert connection.verify([target]).account

    def test_a_wrong_secret_is_refused(self, site: Site) -> None:
        data = site.wrong_credential_data()

        with pytest.raises(Refused) as caught:
            site.cloud.connect(data, site.endpoints).verify([])
        assert caught.value.code in site.cloud.hints

    def test_a_missing_permission_is_named(self, site: Site, target: Target) -> None:
        with pytest.raises(Refused) as caught:
            site.cloud.connect(site.viewer_credential_data(), site.endpoints).verify([target])
        assert caught.value.missing
        assert set(caught.value.missing) <= set(site.cloud.permissions)

    def test_an_object_is_seen_and_nothing_is_changed(self, site: Site, connection: Connection, target: Target) -> None:
        before = site.everything(target)

        assert connection.inspect(target).identifier == target.identifier
        connection.verify([target])

        assert site.everything(target) == before

    def test_an_object_that_is_not_there_is_refused_as_gone(self, site: Site, connection: Connection) -> None:
        with pytest.raises(Refused) as caught:
            connection.inspect(site.no_target())
        assert caught.value.code in site.cloud.gone

    @FAMILIES
    def test_a_rule_is_applied_seen_and_revoked(
        self, site: Site, connection: Connection, target: Target, written: str
    ) -> None:
        before = site.everything(target)
        rule = a_rule(written)
        assert state(connection, target, Kept(rule, added=True)) is State.ABSENT

        kept = applied(connection, target, rule)

        assert listed(connection, target, kept) == Found(State.PRESENT, kept.provider_ids, ours=True)
        connection.revoke(target, kept)
        assert state(connection, target, kept) is State.ABSENT
        assert site.everything(target) == before

    def test_applying_twice_leaves_one_rule(self, site: Site, connection: Connection, target: Target) -> None:
        kept = applied(connection, target, a_rule("81.2.69.142/32"))
        once = site.everything(target)

        assert connection.apply(target, kept) == kept.provider_ids
        assert site.everything(target) == once

    def test_applying_again_without_what_the_first_try_learnt(
        self, site: Site, connection: Connection, target: Target
    ) -> None:
        """The process died between the cloud's answer and its own commit."""
        rule = a_rule("81.2.69.142/32")
        applied(connection, target, rule)
        once = site.everything(target)

        kept = applied(connection, target, rule)

        assert site.everything(target) == once
        connection.revoke(target, kept)
        assert state(connection, target, kept) is State.ABSENT

    def test_an_answer_that_got_lost_leaves_one_rule_and_no_orphan(
        self, site: Site, connection: Connection, target: Target
    ) -> None:
        rule = a_rule("81.2.69.142/32")
        with site.losing_answers(), pytest.raises(Unreachable):
            connection.apply(target, Kept(rule, added=True))

        assert state(connection, target, Kept(rule, added=True)) is State.PRESENT
        kept = once_ready(lambda: applied(connection, target, rule))
        with site.losing_answers(), pytest.raises(Unreachable):
            connection.revoke(target, kept)
        once_ready(lambda: connection.revoke(target, kept))

        assert state(connection, target, kept) is State.ABSENT

    def test_revoking_nothing_is_no_error(self, site: Site, connection: Connection, target: Target) -> None:
        before = site.everything(target)

        connection.revoke(target, Kept(a_rule("81.2.69.142/32"), added=True))
        connection.revoke(target, Kept(a_rule("81.2.69.142/32")))

        assert site.everything(target) == before

    @FAMILIES
    def test_an_equal_rule_of_somebody_else_is_left_alone_and_said(
        self, site: Site, connection: Connection, target: Target, written: str
    ) -> None:
        rule = a_rule(written)
        site.add_foreign(target, rule)
        before = site.everything(target)
        found = listed(connection, target, Kept(rule))

        assert found.foreign
        if site.shares:
            assert found.state is State.PRESENT
            assert connection.apply(target, Kept(rule)) == ()
            connection.revoke(target, Kept(rule))
            assert site.everything(target) == before

    def test_what_a_person_removed_comes_back(self, site: Site, connection: Connection, target: Target) -> None:
        kept = applied(connection, target, a_rule("81.2.69.142/32"))
        site.remove(target, kept)
        assert state(connection, target, kept) is State.ABSENT

        kept = applied(connection, target, kept.rule, kept.provider_ids)

        assert state(connection, target, kept) is State.PRESENT

    def test_rules_beside_ours_stay_as_they_are(self, site: Site, connection: Connection, target: Target) -> None:
        site.add_foreign(target, a_rule("81.2.69.143/32"))
        site.add_foreign(target, a_rule("81.2.69.0/24"))
        site.add_foreign(target, a_rule("2a00:1450:4001:82a::/64"))
        before = site.everything(target)

        for address in ("81.2.69.142/32", "2a00:1450:4001:82a::200e/128"):
            connection.revoke(target, applied(connection, target, a_rule(address)))

        assert site.everything(target) == before

    def test_a_silent_cloud_is_given_up_in_time(self, site: Site, connection: Connection, target: Target) -> None:
        with site.silent(), pytest.raises(Unreachable):
            connection.rules(target, HERE, [])

    def test_a_cloud_that_is_asked_too_often_says_so(self, site: Site, connection: Connection, target: Target) -> None:
        with site.throttled(), pytest.raises(Throttled):
            connection.apply(target, Kept(a_rule("81.2.69.142/32"), added=True))

    def test_nothing_is_called_without_leave(self, site: Site, connection: Connection, target: Target) -> None:
        """A lease that has run out stops every call, the first one for a token too."""
        before = site.everything(target)
        kept = Kept(a_rule("81.2.69.142/32"), added=True)

        def no() -> None:
            raise _NoLeave

        token = before_call.set(no)
        try:
            for ask in (
                lambda: connection.verify([target]),
                lambda: connection.inspect(target),
                lambda: connection.visible(target.region),
                lambda: connection.rules(target, HERE, [kept]),
                lambda: connection.apply(target, kept),
                lambda: connection.revoke(target, kept),
            ):
                with pytest.raises(_NoLeave):
                    ask()
        finally:
            before_call.reset(token)
        assert site.everything(target) == before

    def test_no_secret_is_in_what_is_shown_of_a_connection(self, site: Site) -> None:
        data = site.credential_data()
        connection = site.cloud.connect(data, site.endpoints)
        secrets = [data[field.name] for field in site.cloud.fields if field.secret]

        assert not any(secret in repr(connection) for secret in secrets)
        for copied in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                copied(connection)

    def test_a_refusal_says_nothing_of_the_secret(self, site: Site) -> None:
        data = site.wrong_credential_data()
        secrets = [data[field.name] for field in site.cloud.fields if field.secret]

        with pytest.raises(Refused) as caught:
            site.cloud.connect(data, site.endpoints).verify([])

        assert caught.value.__context__ is None
        assert not any(secret in str(caught.value) for secret in secrets)


class PromisesOfTags:
    """What a cloud promises whose rules say whose they are."""

    def test_the_rule_of_another_installation_is_foreign(
        self, site: SiteWithTags, connection: Connection, target: Target
    ) -> None:
        theirs = a_rule("81.2.69.142/32", installation=ELSEWHERE)
        applied(connection, target, theirs)
        before = site.everything(target)

        listing = connection.rules(target, HERE, [])
        connection.revoke(target, Kept(a_rule("81.2.69.142/32"), added=True))

        assert listing.strays == ()
        assert site.everything(target) == before

    def test_a_rule_that_no_row_knows_is_found_by_its_tag_and_can_be_revoked(
        self, site: SiteWithTags, connection: Connection, target: Target
    ) -> None:
        before = site.everything(target)
        forgotten = applied(connection, target, a_rule("81.2.69.142/32", opening="several ports"))

        strays = connection.rules(target, HERE, []).strays

        assert [stray.rule.tag for stray in strays] == [forgotten.rule.tag]
        connection.revoke(target, strays[0])
        assert site.everything(target) == before

    def test_what_a_person_edited_is_made_right(
        self, site: SiteWithTags, connection: Connection, target: Target
    ) -> None:
        kept = applied(connection, target, a_rule("81.2.69.142/32"))
        site.edit(target, kept)
        assert state(connection, target, kept) is State.EDITED

        kept = applied(connection, target, kept.rule, kept.provider_ids)

        assert state(connection, target, kept) is State.PRESENT
        connection.revoke(target, kept)
        assert state(connection, target, kept) is State.ABSENT


class PromisesOfPorts:
    """What a cloud promises whose rules say which ports they open."""

    @FAMILIES
    @pytest.mark.parametrize("opening", OPENINGS)
    def test_every_kind_of_ports_is_applied_seen_and_revoked(
        self, site: Site, connection: Connection, target: Target, written: str, opening: str
    ) -> None:
        before = site.everything(target)
        rule = a_rule(written, opening=opening)
        assert state(connection, target, Kept(rule, added=True)) is State.ABSENT

        kept = applied(connection, target, rule)

        assert listed(connection, target, kept) == Found(State.PRESENT, kept.provider_ids, ours=True)
        connection.revoke(target, kept)
        assert state(connection, target, kept) is State.ABSENT
        assert site.everything(target) == before


class PromisesOfAQuota:
    """What a cloud promises that has room for so many rules and no more."""

    def test_no_room_is_said_as_such(self, site: SiteWithAQuota, connection: Connection, target: Target) -> None:
        site.fill(target)
        free = connection.rules(target, HERE, []).free

        with pytest.raises(Full):
            connection.apply(target, Kept(a_rule("81.2.69.142/32"), added=True))
        assert free in (0, None)


class _NoLeave(BaseException):
    """What no adapter may catch."""
