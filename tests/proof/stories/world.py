"""The product as a story meets it: its services, its workers, its database, and a clock that can be set forward."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from api.actor import Actor
from api.database import clock, current_time
from api.due import LEASE_SECONDS, Claim, DueModel, Priority
from api.key_ring_file import KeyRingFile
from api.server import Server
from api.settings import Settings
from api.start import check_key_ring
from api.vault import Vault
from api.wait import WaitingRoom
from tests.proof.stories.model import House, Model, Person
from tests.proof.stories.sky import Died, Ground, Moments
from worker.desk import Servant, desk_for
from worker.drain import Drain
from worker.lease import Lease
from worker.sweep import Sweeper

DRIFT_SECONDS = 600.0
_MOST_SERVED = 300
_LEASE = timedelta(seconds=LEASE_SECONDS)


@dataclass
class Claims:
    """Who works on what. wrong: what was claimed while somebody else had it."""

    held_until: dict[tuple[type[DueModel], uuid.UUID], datetime] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def take(self, taken: Claim) -> None:
        row, moment = (taken.model, taken.row_id), current_time()
        if row in self.held_until and self.held_until[row] > moment:
            self.wrong.append(f"{taken.model.__name__} {taken.row_id} is claimed twice")
        self.held_until[row] = moment + _LEASE

    def give_back(self, taken: Claim) -> None:
        self.held_until.pop((taken.model, taken.row_id), None)


class WatchedDesk:
    """A worker's desk that notes who has which claim. Who dies gives nothing back that the database has not."""

    def __init__(self, claims: Claims, desk: Servant) -> None:
        self._claims = claims
        self._desk = desk
        self.models = desk.models

    def serve(self, lease: Lease) -> None:
        self._claims.take(lease.claim)
        try:
            self._desk.serve(lease)
        except Died:
            if not _is_kept(lease.claim):
                self._claims.give_back(lease.claim)
            raise
        except Exception:
            self._claims.give_back(lease.claim)
            raise
        self._claims.give_back(lease.claim)


def _is_kept(claimed: Claim) -> bool:
    """By the database: its row may have been given back with the last thing that a process did."""
    model = claimed.model
    is_claimed = (model.claim_token == claimed.token) & model.claimed_until.is_null(False)
    return bool(model.select().where(model.id == claimed.row_id, is_claimed).exists())


@dataclass(frozen=True)
class Backup:
    """A copy of the database, and what should be so by it."""

    file: Path
    model: Model


class World:
    """One installation. `model` is what should be so, `ground` what is so in the cloud.

    strays: rules of ours that a restored database has no row for, until they are gone.
    """

    def __init__(self, settings: Settings, ground: Ground, moments: Moments) -> None:
        assert settings.key_ring_file is not None
        self.settings = settings
        self.ground = ground
        self.moments = moments
        self.model = Model()
        self.claims = Claims()
        self.ring = KeyRingFile(settings.key_ring_file)
        self.vault = Vault(self.ring)
        self.server = Server(settings, self.vault, WaitingRoom(1))
        self.sweeper = Sweeper(lambda: None)
        self.strays: set[uuid.UUID] = set()
        self.backup: Backup | None = None
        self.start_worker()

    def start_worker(self) -> None:
        """A process with nothing in its memory. Where it dies as it starts, there is another."""
        if self.done(lambda: check_key_ring(self.ring.current())):
            self.worker = self.new_worker()

    def new_worker(self) -> Drain:
        return Drain(WatchedDesk(self.claims, desk_for(self.settings, self.vault)))

    @property
    def moment(self) -> datetime:
        return current_time()

    def pass_time(self, seconds: float) -> None:
        clock.offset += round(seconds * 1_000_000)

    def actor(self, person: Person, address: str = "81.2.69.140") -> Actor:
        """Somebody who asks the API from there."""
        return Actor(
            kind="USER",
            organisation_id=person.house,
            caller=f"user:{person.id}",
            email=f"{person.id}@example.com",
            user_id=person.id,
            role="ORG_ADMIN" if person.is_admin else "USER",
            ip_address=address,
        )

    def admin(self, house: House) -> Actor:
        """The one who can never be sent away."""
        return self.actor(
            next(each for each in self.model.people.values() if each.house == house.id and each.is_founder)
        )

    def done(self, deed: Callable[[], object]) -> bool:
        """Whether a deed of one transaction was done. The process may die meanwhile; then there is another."""
        try:
            deed()
        except Died as death:
            self.start_worker()
            return death.is_done
        return True

    def serve_one(self, worker: Drain | None = None) -> bool:
        """One row, if one is due. Raises Died."""
        return (worker or self.worker).serve_one(tuple(Priority))

    def serve(self) -> int:
        """All that is due. Raises Died."""
        for served in range(_MOST_SERVED):
            if not self.serve_one():
                return served
        raise AssertionError("the rows never come to rest")
