"""/sessions: somebody is let in for a while; and /detect-ip, which tells from where."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask.views import MethodView

from api import idempotency
from api.access import authenticated, current_actor, requires
from api.conditional import etag
from api.database import current_time
from api.errors import (
    Conflict,
    DurationExceeded,
    NotAllowed,
    ResourceNotFound,
    SessionLimitReached,
    SessionNotFound,
    StaleObject,
)
from api.identifiers import parse
from api.resources.service import going
from api.room import Room
from api.server import current_server
from api.sessions import changing, service, shown, starting
from api.sessions.addresses import WantedAddresses, detected
from api.sessions.allowance import Openable, WantedDuration, openable
from api.sessions.models import Session
from api.sessions.proofs import proof_of
from api.sessions.schemas import (
    NewSession,
    SessionParameters,
    ShownAddress,
    ShownOpenable,
    ShownSession,
    WantedAddressesBody,
    WantedDurationBody,
)
from api.sessions.shown import Overview

room = Room("sessions", __name__, description="Sessions: somebody is let in for a while")
address_room = Room("detect-ip", __name__, description="The caller's own address, with a proof of it")
ROOMS = ((room, "/sessions"), (address_room, "/detect-ip"))

_NOT_FOUND = SessionNotFound("3d3c1b1e-6f0a-4c3b-9f0e-2f6f1c9f4a51")
_NO_RESOURCE = ResourceNotFound("550e8400-e29b-41d4-a716-446655440000")
_NOT_OWN = NotAllowed("Only an ORG_ADMIN may let in another address than their own")
_ENDED = Conflict(service.HAS_ENDED)
_ENDED_ALREADY = Conflict(service.HAS_ENDED_ALREADY)
_GOING = Conflict(going("Web servers", "550e8400-e29b-41d4-a716-446655440000"))

Shown = tuple[Overview, dict[str, str]]


@dataclass(frozen=True, slots=True)
class SeenAddress:
    """Where a request came from."""

    ip: str
    version: int
    timestamp: datetime
    proof: str


@room.route("")
class Sessions(MethodView):
    @requires("sessions:read")
    @room.arguments(SessionParameters, location="query")
    @room.response(200, ShownSession(many=True))
    def get(self, wanted: service.SessionFilter) -> tuple[Sequence[Overview], dict[str, str]]:
        """List sessions

        Your own; for an ORG_ADMIN all of the organization. A key of the organization sees those that it started. The
        last one first, 50 at a time.
        """
        listing = service.listed(current_actor(), wanted)
        return shown.overviews(listing.rows), listing.headers()

    @requires("sessions:write")
    @room.arguments(NewSession)
    @room.idempotent
    @room.response(201, ShownSession)
    @room.raises(_NO_RESOURCE, _GOING, _NOT_OWN, SessionLimitReached(5), DurationExceeded(120))
    def post(self, wanted: starting.NewSessionFields) -> Shown:
        """Start session

        Lets your address in to the resources that your roles name, until the session ends. It is the address that the
        request comes from, and those that you have proofs of; only an ORG_ADMIN may name another. Workers open the
        resources at once: the session is PENDING until they have seen the rules in the cloud.
        """
        actor, settings = current_actor(), current_server().settings
        session = idempotency.once(
            idempotency.asked(actor),
            lambda session_id: starting.start(actor, wanted, session_id, settings),
            lambda session_id: service.of(actor, session_id),
        )
        return _shown(session)


@room.route("/resources")
class OpenableResources(MethodView):
    @requires("sessions:read")
    @room.response(200, ShownOpenable(many=True))
    def get(self) -> Sequence[Openable]:
        """List what you may open

        The resources that your roles name, by their names; for an ORG_ADMIN all of them. With each is how long a
        session of yours may be, and why it cannot be opened now, if so.
        """
        return openable(current_actor())


@room.route("/<session_id>")
class SessionById(MethodView):
    @requires("sessions:read")
    @room.response(200, ShownSession)
    @room.raises(_NOT_FOUND)
    def get(self, session_id: str) -> Shown:
        """Get session

        One session, with what became of each address on each resource.
        """
        return _shown(service.of(current_actor(), parse(session_id, SessionNotFound)))


@room.route("/<session_id>/stop")
class Stop(MethodView):
    @requires("sessions:write")
    @room.response(200, ShownSession)
    @room.raises(_NOT_FOUND, _ENDED_ALREADY, StaleObject())
    def post(self, session_id: str) -> Shown:
        """Stop session

        Ends it before its time. It is EXPIRING until its rules are gone from the cloud.
        """
        return _shown(service.stop(current_actor(), parse(session_id, SessionNotFound)))


@room.route("/<session_id>/extend")
class Extension(MethodView):
    @requires("sessions:write")
    @room.arguments(WantedDurationBody)
    @room.idempotent
    @room.response(200, ShownSession)
    @room.raises(_NOT_FOUND, _ENDED, DurationExceeded(120), StaleObject())
    def post(self, wanted: WantedDuration, session_id: str) -> Shown:
        """Extend session

        Lets it end later, by so many hours or minutes. From its start to its end it lasts no longer than a new one of
        yours may: an ORG_ADMIN is held to the longest of the tier and of the resources, also where the session is
        somebody else's, and not to the roles of whose it is.
        """
        actor, which = current_actor(), parse(session_id, SessionNotFound)
        session = idempotency.once(
            idempotency.asked(actor),
            lambda _: changing.extend(actor, which, wanted),
            lambda _: service.of(actor, which),
        )
        return _shown(session)


@room.route("/<session_id>/ip")
class SessionAddresses(MethodView):
    @requires("sessions:write")
    @room.arguments(WantedAddressesBody)
    @room.response(200, ShownSession)
    @room.raises(_NOT_FOUND, _ENDED, _NOT_OWN, StaleObject())
    def put(self, wanted: WantedAddresses, session_id: str) -> Shown:
        """Change session's address

        For who has moved to another network: lets in where the request comes from now, with what you have proofs of,
        and no longer where you were. The session ends when it would have.
        """
        actor, settings = current_actor(), current_server().settings
        return _shown(changing.change_addresses(actor, parse(session_id, SessionNotFound), wanted, settings))


@address_room.route("")
class DetectedAddress(MethodView):
    @authenticated
    @address_room.response(200, ShownAddress)
    def get(self) -> SeenAddress:
        """Detect IP address

        Where this request comes from, with a proof to bring along to POST /sessions: who has an IPv4 and an IPv6
        address asks over each.
        """
        actor, moment = current_actor(), current_time()
        address = detected(actor)
        proof = proof_of(address, actor.caller, moment, current_server().settings.cookie_secret)
        return SeenAddress(str(address), address.version, moment, proof)


def _shown(session: Session) -> Shown:
    return shown.overview(session), etag(session.revision)
