"""Starting a session: one transaction, from the limits to the grants."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product

from api import audit
from api.accounts import service as accounts
from api.accounts.models import ApiKey, Organisation, User
from api.actor import Actor
from api.database import current_time, lock, locked, now, write
from api.due import Priority
from api.errors import InvalidInput, SessionLimitReached
from api.installation import check_is_decided
from api.network import Network, plainly
from api.resources.models import Resource
from api.sessions.addresses import WantedAddresses, chosen
from api.sessions.allowance import Allowance, WantedDuration, allowed
from api.sessions.models import Session
from api.sessions.service import subject
from api.settings import Settings
from api.targets import service as targets
from api.targets.holding import Held
from api.targets.service import FAILED, PENDING, Asked, obstacle_to


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSessionFields(WantedAddresses):
    """What a caller asks for. resource_ids: None for all that he reaches."""

    duration_hours: float | None = None
    duration_minutes: float | None = None
    resource_ids: Sequence[str] | None = None
    reason: str | None = None

    @property
    def duration(self) -> WantedDuration:
        return WantedDuration(duration_hours=self.duration_hours, duration_minutes=self.duration_minutes)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a session is: a user's, or a key's of the organisation."""

    user_id: uuid.UUID | None
    api_key_id: uuid.UUID | None
    name: str
    email: str


def start(actor: Actor, wanted: NewSessionFields, session_id: uuid.UUID, settings: Settings) -> Session:
    """Let somebody in; workers open the resources from here on.

    Raises InvalidInput, NotAllowed, ResourceNotFound, Conflict, DurationExceeded, and SessionLimitReached: two that ask
    at the same time cannot both take the last place. Raises Unavailable where nobody would open anything.
    """
    with write():
        check_is_decided()
        organisation = accounts.held_organisation(actor.organisation)
        # Who is demoted while we wait for the organisation has no session yet that would end with it.
        actor = accounts.as_now(actor)
        holder = _locked_holder(actor)
        networks = chosen(actor, wanted, organisation, settings)
        allowance = allowed(actor, organisation.tier, wanted.resource_ids)
        seconds = _seconds(wanted.duration, allowance, settings)
        _check_has_place(holder, organisation)
        moment = current_time()
        session = Session.create(
            id=session_id,
            organisation_id=organisation.id,
            user_id=holder.user_id,
            api_key_id=holder.api_key_id,
            user_name=holder.name,
            user_email=holder.email,
            reason=wanted.reason,
            status=PENDING if any(not obstacle_to(resource) for resource in allowance.resources) else FAILED,
            created_at=moment,
            **addresses_of(networks),
            **ends_at(moment + timedelta(seconds=seconds)),
        )
        audit.record(actor, "SESSION_START", subject(session), details=_told(session, networks, allowance))
        let_in(session, product(allowance.resources, networks.values()), targets.hold(allowance.resources))
    return session


def let_in(session: Session, openings: Iterable[tuple[Resource, Network]], held: Held) -> None:
    """Ask for networks to be let through to resources, whose targets are held. Inside `write`."""
    asked = (Asked(resource, network, session_id=session.id) for resource, network in openings)
    targets.grant(*asked, held=held)


def addresses_of(networks: Mapping[int, Network]) -> dict[str, str | None]:
    """The columns that tell from where."""
    written = {version: plainly(network) for version, network in networks.items()}
    return {"ipv4_address": written.get(4), "ipv6_address": written.get(6)}


def ends_at(moment: datetime) -> dict[str, object]:
    """The columns that tell until when."""
    return {"expires_at": moment, "due_at": moment, "due_priority": int(Priority.REVOKE)}


def lock_holder(session: Session) -> None:
    """Let nobody start a session for the holder of this one until the transaction ends."""
    lock(User(id=session.user_id) if session.api_key_id is None else ApiKey(id=session.api_key_id))


def _locked_holder(actor: Actor) -> Holder:
    """Who the session is for, as `as_now` found him; nobody else starts one for him until the transaction ends."""
    if actor.user_id is not None:
        user = locked(User.select().where(User.id == actor.user_id)).get()
        return Holder(user.id, None, user.name, user.email)
    key = locked(ApiKey.select().where(ApiKey.id == actor.key_id)).get()
    return Holder(None, key.id, key.name, key.name)


def _check_has_place(holder: Holder, organisation: Organisation) -> None:
    theirs = (Session.api_key_id == holder.api_key_id) if holder.api_key_id else (Session.user_id == holder.user_id)
    limit = accounts.limits_of(organisation.tier).sessions_per_user
    live = Session.ended_at.is_null() & (Session.expires_at > now())
    if Session.select().where(Session.organisation_id == organisation.id, theirs, live).count() >= limit:
        raise SessionLimitReached(limit)


def _seconds(wanted: WantedDuration, allowance: Allowance, settings: Settings) -> int:
    seconds = wanted.seconds
    if seconds is None:
        return min(settings.session_default_minutes, allowance.longest_minutes) * 60
    if seconds < settings.session_min_seconds:
        reason = f"a session lasts {settings.session_min_seconds} seconds at least"
        raise InvalidInput(reason, {"durationMinutes" if wanted.duration_hours is None else "durationHours": [reason]})
    allowance.check(seconds)
    return seconds


def _told(session: Session, networks: Mapping[int, Network], allowance: Allowance) -> dict[str, object]:
    told: dict[str, object] = {
        "addresses": [plainly(network) for network in networks.values()],
        "resources": [resource.name for resource in allowance.resources],
        "expiresAt": session.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return told if session.reason is None else {**told, "reason": session.reason}
