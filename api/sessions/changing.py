"""Changing a session that is open: a later end, another address."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from itertools import product

from api import audit
from api.accounts import service as accounts
from api.actor import Actor
from api.database import current_time, write
from api.errors import Conflict, InvalidInput
from api.installation import check_is_decided
from api.network import Network, parse_network, plainly
from api.sessions.addresses import WantedAddresses, chosen
from api.sessions.allowance import WantedDuration, allowed_still
from api.sessions.models import Session
from api.sessions.service import HAS_ENDED, changeable, follow, of, subject
from api.sessions.starting import addresses_of, ends_at, let_in, lock_holder
from api.settings import Settings
from api.targets import service as targets
from api.targets.models import Grant

_SOMEBODY_ELSES = "Name ipv4Address or ipv6Address: the session is somebody else's, so your own address is not meant"
_NOT_SAID = "durationHours or durationMinutes is required"


def extend(actor: Actor, session_id: uuid.UUID, wanted: WantedDuration) -> Session:
    """Let a session end later, by so much. From its start to its end it lasts no longer than a new one may.

    Raises SessionNotFound, StaleObject, InvalidInput, DurationExceeded; Conflict where it has ended.
    """
    with write():
        organisation = accounts.held_organisation(actor.organisation)
        actor = accounts.as_now(actor)
        seen = of(actor, session_id)
        # Whoever starts another one for its holder waits until it is known that this one goes on.
        lock_holder(seen)
        opened = _opened(seen)
        seconds = wanted.seconds
        if seconds is None:
            raise InvalidInput(_NOT_SAID, {"durationMinutes": [_NOT_SAID]})
        allowance = allowed_still(actor, organisation.tier, opened)
        session = _open(session_id)
        later = session.expires_at + timedelta(seconds=seconds)
        allowance.check((later - session.created_at).total_seconds())
        moved = {"revision": Session.revision + 1, "wanted_revision": Session.wanted_revision + 1, **ends_at(later)}
        Session.update(**moved).where(Session.id == session.id).execute()
        told = {"expiresAt": later.strftime("%Y-%m-%dT%H:%M:%SZ")}
        audit.record(actor, "SESSION_EXTEND", subject(session), details=told)
        return of(actor, session_id)


def change_addresses(actor: Actor, session_id: uuid.UUID, wanted: WantedAddresses, settings: Settings) -> Session:
    """Let a session's holder in from elsewhere, and no longer from where he was. What stays the same is left alone.

    Raises SessionNotFound, StaleObject, InvalidInput, NotAllowed; Conflict where it has ended; Unavailable where nobody
    would open anything.
    """
    with write():
        check_is_decided()
        organisation = accounts.held_organisation(actor.organisation)
        actor = accounts.as_now(actor)
        seen = of(actor, session_id)
        if not wanted.named and not _is_own(actor, seen):
            raise InvalidInput(_SOMEBODY_ELSES)
        networks = chosen(actor, wanted, organisation, settings)
        opened = allowed_still(actor, organisation.tier, _opened(seen)).resources
        # Asked anew, since they are held by now: what was closed while we waited for them stays so.
        still = _opened(seen)
        resources = [resource for resource in opened if resource.deleting_since is None and resource.id in still]
        held = targets.hold(resources, Grant.session_id == seen.id)
        session = _open(session_id)
        before = _networks(session)
        if before == set(networks.values()):
            return session
        moved = {"revision": Session.revision + 1, **addresses_of(networks)}
        Session.update(**moved).where(Session.id == session.id).execute()
        audit.record(actor, "SESSION_UPDATE", subject(session), details=_told(before, networks.values()))
        are_open = {(grant.resource_id, grant.address) for grant in _live(session)}
        # Of where he was, too, what has been closed to him since: with the rest of it gone he would have nothing.
        openings = product(resources, networks.values())
        let_in(session, [each for each in openings if (each[0].id, str(each[1])) not in are_open], held)
        gone = [str(network) for network in before - set(networks.values())]
        targets.end((Grant.session_id == session.id) & Grant.address.in_(gone), held)
        follow({session.id})
    return of(actor, session_id)


def _open(session_id: uuid.UUID) -> Session:
    """As `changeable`, and with time left: a session whose time is up is not brought back."""
    session = changeable(session_id)
    if session.expires_at <= current_time():
        raise Conflict(HAS_ENDED)
    return session


def _opened(session: Session) -> Sequence[uuid.UUID]:
    """The resources that a session opens."""
    return list({grant.resource_id for grant in _live(session)})


def _live(session: Session) -> Iterable[Grant]:
    live: Iterable[Grant] = Grant.select().where(Grant.session_id == session.id, Grant.ended_at.is_null())
    return live


def _is_own(actor: Actor, session: Session) -> bool:
    if session.user_id is None:
        return session.api_key_id == actor.key_id
    return session.user_id == actor.user_id


def _networks(session: Session) -> set[Network]:
    return {parse_network(written) for written in (session.ipv4_address, session.ipv6_address) if written is not None}


def _told(before: Collection[Network], after: Collection[Network]) -> dict[str, object]:
    return {
        "changed": ["addresses"],
        "reason": "ADDRESS_CHANGED",
        "addresses": {"from": sorted(map(plainly, before)), "to": sorted(map(plainly, after))},
    }
