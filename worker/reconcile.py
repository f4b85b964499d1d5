"""Works on a target: what is there, what is wanted, revoke, apply, look again, record."""

import uuid
from collections.abc import Sequence

from api.clouds import Connection, Refused, Unreachable
from api.clouds import Target as CloudTarget
from api.clouds.base import Full
from api.clouds.rules import Found, Kept, Listing, State
from api.credentials import verdict as credentials
from api.due import LostClaim
from api.lifecycle import reconciliation
from api.targets import verdict
from api.targets.verdict import Outcome, Task
from worker.connections import Connections
from worker.lease import Lease

_NO_ROOM = "there is no room for one more rule"


class Reconciler:
    """Serves claims on targets. Safe for several threads."""

    def __init__(self, connections: Connections, installation: uuid.UUID, drift_seconds: float) -> None:
        self._connections = connections
        self._installation = installation
        self._drift_seconds = drift_seconds

    def serve(self, lease: Lease) -> None:
        """Bring a claimed target to what is wanted of it. Raises LostClaim, Stopping."""
        work = verdict.work_on(lease.claim.row_id, self._installation)
        if work is None:
            raise LostClaim
        outcomes: dict[uuid.UUID, Outcome] = {}
        free: int | None = None
        for credential_id in sorted({task.credential_id for task in work.tasks}):
            tasks = [task for task in work.tasks if task.credential_id == credential_id]
            turn = _Turn(lease, self._to_cloud(credential_id), work.target, self._installation, tasks)
            outcomes |= turn.outcomes()
            free = turn.free if turn.free is not None else free
        reconciliation.record(lease.claim, outcomes, free, self._drift_seconds)

    def _to_cloud(self, credential_id: uuid.UUID) -> Connection:
        secret = credentials.secret_in_use(credential_id)
        if secret is None:
            raise LostClaim
        return self._connections.to_cloud(secret)


class _Turn:
    """One credential's rules on one target, from the first listing to the second."""

    def __init__(
        self, lease: Lease, connection: Connection, target: CloudTarget, installation: uuid.UUID, tasks: Sequence[Task]
    ) -> None:
        self._lease = lease
        self._connection = connection
        self._target = target
        self._installation = installation
        self._tasks = tasks
        self._kept = {task.rule_id: task.kept for task in tasks}
        self._errors: dict[uuid.UUID, tuple[str, bool]] = {}
        self._has_changed = False
        self.free: int | None = None

    def outcomes(self) -> dict[uuid.UUID, Outcome]:
        """Do what is to be done, and tell how each rule stands after it."""
        try:
            before = self._list()
            self._revoke(before)
            self._apply(before)
            after = self._list() if self._has_changed else before
        except (Refused, Unreachable) as failure:
            return {task.rule_id: self._unseen(task, failure) for task in self._tasks}
        self.free = after.free
        return {task.rule_id: self._outcome(task, _found(before, task), _found(after, task)) for task in self._tasks}

    def _list(self) -> Listing:
        return self._connection.rules(self._target, self._installation, list(self._kept.values()))

    def _revoke(self, before: Listing) -> None:
        for task in self._tasks:
            if not task.is_wanted and _found(before, task).state is not State.ABSENT:
                self._revoke_one(task.kept, task.rule_id)
        strays = {stray.rule.tag.rule: stray for stray in before.strays}
        for rule_id in strays.keys() - verdict.known(list(strays)):
            self._revoke_one(strays[rule_id], rule_id)

    def _revoke_one(self, kept: Kept, rule_id: uuid.UUID) -> None:
        self._has_changed = True
        try:
            self._connection.revoke(self._target, kept)
        except (Refused, Unreachable) as failure:
            self._errors[rule_id] = (str(failure), isinstance(failure, Refused))

    def _apply(self, before: Listing) -> None:
        for task in self._tasks:
            found = _found(before, task)
            if not task.is_wanted or found.state is State.PRESENT:
                continue
            if before.free == 0 and found.state is State.ABSENT and not self._has_changed:
                self._errors[task.rule_id] = (_NO_ROOM, True)
                continue
            if not verdict.intend(self._lease.claim, task.rule_id):
                continue
            self._has_changed = True
            self._apply_one(task)

    def _apply_one(self, task: Task) -> None:
        kept = Kept(task.kept.rule, task.kept.provider_ids, added=True)
        try:
            ids = self._connection.apply(self._target, kept)
        except (Refused, Unreachable) as failure:
            self._errors[task.rule_id] = (str(failure), isinstance(failure, Refused) and not isinstance(failure, Full))
            ids = kept.provider_ids
        self._kept[task.rule_id] = Kept(kept.rule, ids, added=True)

    def _outcome(self, task: Task, before: Found, after: Found) -> Outcome:
        error, is_final = self._errors.get(task.rule_id, (None, False))
        is_right = after.state is (State.PRESENT if task.is_wanted else State.ABSENT)
        return Outcome(
            state=after.state,
            provider_ids=after.provider_ids or self._kept[task.rule_id].provider_ids,
            is_foreign=after.foreign,
            error=None if is_right else error or "the cloud does not show the change yet",
            is_final=is_final and not is_right,
            was_restored=task.was_seen and task.is_wanted and is_right and before.state is not State.PRESENT,
        )

    def _unseen(self, task: Task, failure: Refused | Unreachable) -> Outcome:
        return Outcome(state=None, error=str(failure), is_final=isinstance(failure, Refused))


def _found(listing: Listing, task: Task) -> Found:
    return listing.found[task.kept.rule.tag]
