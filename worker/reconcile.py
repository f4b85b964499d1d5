"""Works on a target: what is there, what is wanted, revoke, apply, look again, record."""

import logging
import random
import uuid
from collections.abc import Sequence
from functools import partial

from api.clouds import Connection, Refused
from api.credentials import verdict as credentials
from api.due import Claim, DueModel, LostClaim
from api.installation import identity
from api.lifecycle import reconciliation
from api.targets import work
from api.targets.models import Target
from api.targets.verdict import Outcome, Report
from api.targets.work import Batch, Work
from worker.connections import Connections
from worker.lease import Lease
from worker.turn import Turn
from worker.verify import may_settle

_log = logging.getLogger(__name__)


class Reconciler:
    """Serves claims on targets. Safe for several threads."""

    models: tuple[type[DueModel], ...] = (Target,)

    def __init__(self, connections: Connections, drift_seconds: float) -> None:
        self._connections = connections
        self._drift_seconds = drift_seconds

    def serve(self, lease: Lease) -> None:
        """Bring a claimed target to what is wanted of it. Raises LostClaim, Stopping."""
        # Asked each time: an operator may have made a new installation of a copy while the worker ran.
        installation = identity()
        wanted = work.work_on(lease.claim.row_id, installation)
        if wanted is None:
            raise LostClaim
        turns: list[tuple[Batch, Turn]] = []
        lease.if_lost = partial(_tell_late_calls, lease.claim, turns)
        lease.is_under_way = partial(_may_be_undone, turns)
        with lease.watching():
            report = self._work_on(lease, wanted, installation, turns)
        _tell_failures(lease.claim, report)
        # Sooner than promised, and spread, so that what was added together is not looked at together for ever.
        seconds = self._drift_seconds * random.uniform(0.7, 0.9)  # noqa: S311 - hides nothing
        reconciliation.record(lease.claim, report, seconds)

    def _work_on(self, lease: Lease, wanted: Work, installation: uuid.UUID, turns: list[tuple[Batch, Turn]]) -> Report:
        outcomes: dict[uuid.UUID, Outcome] = {}
        is_outdated = False
        for batch in wanted.batches:
            secret = credentials.secret_in_use(batch.credential_id)
            if secret is None:
                raise LostClaim
            turn = Turn(lease.claim, wanted, batch, installation, partial(may_settle, secret))
            turns.append((batch, turn))
            try:
                connection: Connection | Refused = self._connections.to_cloud(secret)
            except Refused as refusal:
                connection = refusal
            seen = turn.outcomes(connection)
            # Rules of the credentials before it may have relied on what goes with this one's.
            is_outdated |= bool(outcomes) and any(outcome.was_ours and outcome.is_gone for outcome in seen.values())
            outcomes |= seen
            if turn.was_refused:
                self._connections.drop(secret)
        return Report(
            outcomes=outcomes,
            free_rules=next((turn.free for _, turn in turns if turn.free is not None), None),
            failure=next((turn.failure for _, turn in turns if turn.failure), None),
            is_unfinished=is_outdated or any(turn.is_unfinished for _, turn in turns),
            is_listed=any(turn.is_listed for _, turn in turns),
            may_be_undone=_may_be_undone(turns),
        )


def _tell_late_calls(claim: Claim, turns: Sequence[tuple[Batch, Turn]]) -> None:
    if any(turn.has_changed for _, turn in turns):
        asked = {kept: batch.credential_id for batch, turn in turns for kept in turn.asked}
        work.overtaken(claim.row_id, asked)


def _may_be_undone(turns: Sequence[tuple[Batch, Turn]]) -> bool:
    return any(turn.may_be_undone for _, turn in turns)


def _tell_failures(claim: Claim, report: Report) -> None:
    errors = [outcome.error for outcome in report.outcomes.values() if outcome.error]
    if errors:
        _log.warning("target %s has %d rules that are not as wanted: %s", claim.row_id, len(errors), errors[0])
