"""What workers do on targets, and when somebody's time is up."""

from collections.abc import Callable
from typing import Any

from api.claims import claim
from api.clouds.http import tenants_session
from api.credentials.verdict import secret_in_use
from api.database import connection, current_time, write
from api.due import LEASE_SECONDS, Claim, Priority
from api.installation import identity
from api.targets import work
from api.targets.models import Target
from tests.proof.crashes.cloud import OTHER
from tests.proof.crashes.cloud_deeds import verified
from tests.proof.crashes.deed import EVERY_CLOUD, EVERY_CLOUD_IF_FULL, deed
from tests.proof.crashes.session_deeds import (
    has_expired,
    is_active,
    is_cancelled,
    is_elsewhere,
    move,
    open_door,
    stop,
    with_open_session,
    with_session,
)
from tests.proof.crashes.site import It, Site
from tests.proof.scale import FULL
from worker.connections import Connections
from worker.verify import endpoints_of

# Where two equal rules of different owners cannot stand beside each other.
_SHARING = ("AWS", "APISIX") if FULL else ("AWS",)
_NOBODY_IS_TAGGED = ("APISIX",)
_BRIEFLY = 0.2
# A session of 12 seconds is over by then, in this life as in the next.
_WHILE = 13.0


@deed("worker", prepare=with_session, ends=is_active, opens=True, clouds=EVERY_CLOUD)
def open_a_rule(site: Site, _: It) -> None:
    site.serve()


def _with_stopped_session(site: Site, it: It) -> None:
    with_open_session(site, it)
    stop(site, it)


@deed("worker", prepare=_with_stopped_session, ends=is_cancelled, opens=True, clouds=EVERY_CLOUD)
def close_a_rule(site: Site, _: It) -> None:
    site.serve()


def _with_session_that_moved(site: Site, it: It) -> None:
    with_open_session(site, it)
    move(site, it)


@deed("worker", prepare=_with_session_that_moved, ends=is_elsewhere, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def close_one_rule_and_open_another(site: Site, _: It) -> None:
    site.serve()


def _with_session_whose_time_is_up(site: Site, it: It) -> None:
    verified(site, it)
    open_door(site, it, minutes=_BRIEFLY)
    site.serve()
    site.pass_time(_WHILE)


@deed("worker", prepare=_with_session_whose_time_is_up, ends=has_expired, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def let_a_session_expire(site: Site, _: It) -> None:
    site.serve()


def _with_rule_removed_by_a_person(site: Site, it: It) -> None:
    """Somebody has removed it in the cloud, and the time has come to look for that."""
    with_open_session(site, it)
    with connection():
        target = Target.get(Target.organisation_id == it["organisation"])
        there = work.work_on(target.id, identity())
        assert there is not None
        [batch] = there.batches
        secret = secret_in_use(batch.credential_id)
        assert secret is not None
        cloud = Connections(site.vault, endpoints_of(site.settings)).to_cloud(secret)
        for task in batch.tasks:
            cloud.revoke(there.target, task.kept)
        with write():
            Target.update(due_at=current_time()).where(Target.id == target.id).execute()


@deed("worker", prepare=_with_rule_removed_by_a_person, ends=is_active, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def bring_a_rule_back(site: Site, _: It) -> None:
    site.serve()


def _stand_still(claimed: Claim, rule_id: Any, intend: Callable[..., bool]) -> bool:
    """Between saying so and doing so, until somebody else has the target."""
    is_wanted = intend(claimed, rule_id)
    Site.pass_time(LEASE_SECONDS + 1)
    claim([Target], tuple(Priority))
    return is_wanted


@deed("worker", prepare=with_session, ends=is_active, opens=True)
def open_a_rule_too_late(site: Site, _: It) -> None:
    intend = work.intend
    setattr(work, "intend", lambda claimed, rule_id: _stand_still(claimed, rule_id, intend))  # noqa: B010 - for this life
    site.serve()


def _with_another_organisation_there(site: Site, it: It) -> None:
    """It lets the same address in to the same object, and relies on the rule that is there."""
    with_open_session(site, it)
    other = site.found("Bolt")
    with_open_session(site, other)
    it["other session"] = other["session"]
    stop(site, it)


def _other_is_let_in(site: Site, it: It) -> None:
    is_cancelled(site, it)
    is_active(site, {"session": it["other session"]})


@deed("worker", prepare=_with_another_organisation_there, ends=_other_is_let_in, opens=True, clouds=_SHARING)
def close_a_rule_that_another_organisation_relies_on(site: Site, _: It) -> None:
    site.serve()


def _whitelist(site: Site, entries: list[str] | None = None) -> list[str]:
    """What a route lets in, as anybody with a key of the gateway sees it; after he has written it, if he does."""
    key = site.cloud.keys[OTHER]
    route = f"{key['apiUrl']}/apisix/admin/routes/{site.cloud.there}"
    with tenants_session(endpoints_of(site.settings)) as person:
        person.headers["X-API-KEY"] = key["apiKey"]
        if entries is not None:
            person.patch(f"{route}/plugins/ip-restriction/whitelist", json=entries).raise_for_status()
        value = person.get(route).json()["value"]
    there: list[str] = value["plugins"]["ip-restriction"]["whitelist"]
    return there


def _with_equal_entry_there(site: Site, it: It) -> None:
    """Somebody else lets the same address in, and spells it as we do."""
    with_open_session(site, it)
    _whitelist(site, [*_whitelist(site), site.address])
    stop(site, it)


def _his_is_left(site: Site, it: It) -> None:
    """And he takes it out in the end, as every object is to be what it was."""
    is_cancelled(site, it)
    entries = _whitelist(site)
    assert entries.count(site.address) == 1
    _whitelist(site, [entry for entry in entries if entry != site.address])


@deed("worker", prepare=_with_equal_entry_there, ends=_his_is_left, opens=True, clouds=_NOBODY_IS_TAGGED)
def close_a_rule_beside_an_equal_one(site: Site, _: It) -> None:
    site.serve()
