"""One credential's rules on one target: from the first listing, over what is revoked and applied, to the last one."""

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from api.clouds import CLOUDS, Connection, Refused, Unreachable
from api.clouds.base import Full, Throttled, Unasked, Unseen
from api.clouds.rules import Found, Kept, Listing, Rule, State
from api.due import Claim, LostClaim
from api.targets import work
from api.targets.verdict import Outcome
from api.targets.work import Batch, Task, Work
from worker.lease import Stopping

# So long that others who wait for the target, to have something revoked, do not wait for long.
_APPLY_SECONDS = 5.0
_UNANSWERED_AT_MOST = 2
_NOT_SHOWN = "the cloud does not show the change yet"

_ABSENT = Found(State.ABSENT)


class Turn:
    """What a worker does within one claim. Revokes first, so that there is room for what is applied.

    settles: whether a refusal may pass by itself, since the secret is new.
    """

    def __init__(
        self, claim: Claim, wanted: Work, batch: Batch, installation: uuid.UUID, settles: Callable[[Refused], bool]
    ) -> None:
        self._claim = claim
        self._work = wanted
        self._batch = batch
        self._installation = installation
        self._settles = settles
        self._tasks = sorted(batch.tasks, key=_turn_of)
        self._kept = {task.rule_id: task.kept for task in self._tasks}
        self._leaving = {task.rule_id for task in self._tasks if task.is_leaving}
        self._errors: dict[uuid.UUID, tuple[str, bool]] = {}
        self._answered: set[uuid.UUID] = set()
        self._refused: set[uuid.UUID] = set()
        self._full: list[tuple[Rule, str]] = []
        self._unanswered = 0
        self._strays: set[uuid.UUID] = set()
        self._before: Listing | None = None
        self._revoked: Listing | None = None
        self._asked: list[uuid.UUID] = []
        self.has_changed = False
        self.was_refused = False
        self.is_unfinished = False
        self.may_be_undone = False
        self.is_listed = False
        self.failure: str | None = None
        self.free: int | None = None

    @property
    def asked(self) -> list[Kept]:
        """The rules that the cloud was asked to add; as not added where an equal one of somebody else's was there."""
        return [self._kept[rule_id] for rule_id in self._asked]

    def outcomes(self, connection: Connection | Refused) -> Mapping[uuid.UUID, Outcome]:
        """Do what is to be done, and tell how each rule stands after it."""
        try:
            if isinstance(connection, Refused):
                raise connection
            after = self._act(connection)
        except (Refused, Unreachable) as failure:
            self.was_refused = isinstance(failure, Refused)
            if not self._tasks and not self._is_gone(failure):
                self.failure = str(failure)
            return {task.rule_id: self._without_a_look(task, failure) for task in self._tasks}
        self.free = after.free
        self.is_listed = self._batch.obstacle is None  # else it may be another account's that was shown
        return {task.rule_id: self._seen(task, after) for task in self._tasks}

    def _act(self, connection: Connection) -> Listing:
        before = self._before = self._list(connection)
        self._revoke(connection, before)
        now = self._revoked = self._list(connection) if self.has_changed else before
        if self._batch.obstacle is None:
            self._apply(connection, now)
        return self._list(connection) if self._asked else now

    def _list(self, connection: Connection) -> Listing:
        return connection.rules(self._work.target, self._installation, list(self._kept.values()))

    def _revoke(self, connection: Connection, before: Listing) -> None:
        # Of a rule that was never added nothing is ours, whatever there is that equals it.
        ours = [task for task in self._tasks if not task.is_wanted and task.kept.added]
        for task in ours:
            found, kept = _found(before, task), task.kept
            if found.ours:
                work.intend_removal(self._claim, task.rule_id, found)
                kept = replace(kept, foreign=found.foreign, twins=0)
                self._kept[task.rule_id] = replace(kept, twins=found.twins)
                if not self._claim.inherited:  # then what was asked before has come to nothing
                    self._leaving.discard(task.rule_id)
            if self._may_be_there(task, found):
                self._revoke_one(connection, kept, task.rule_id)
        strays = {stray.rule.tag.rule: stray for stray in before.strays}
        self._strays = strays.keys() - work.known(strays.keys())
        for rule_id in self._strays:
            self._revoke_one(connection, strays[rule_id], rule_id)
            self.failure = self.failure or self._errors.get(rule_id, (None, False))[0]

    def _may_be_there(self, task: Task, found: Found) -> bool:
        """What the cloud has named may be there also where a listing does not show it: reads may lag behind writes."""
        is_named = bool(task.kept.provider_ids) and self._batch.obstacle is None
        return is_named or found.state is not State.ABSENT

    def _revoke_one(self, connection: Connection, kept: Kept, rule_id: uuid.UUID) -> None:
        self.has_changed = True
        try:
            with self._writing():
                connection.revoke(self._work.target, kept)
        except (Refused, Unreachable) as failure:
            if _may_be_done(failure):
                self._leaving.add(rule_id)
            self._note(rule_id, failure)
        else:
            self._leaving.add(rule_id)
            # What equals it from now on is somebody else's.
            self._kept[rule_id] = Kept(kept.rule)

    def _apply(self, connection: Connection, now: Listing) -> None:
        until = time.monotonic() + _APPLY_SECONDS
        for task in self._tasks:
            if not task.is_wanted or _found(now, task).state is State.PRESENT:
                continue
            # The cloud has just said that there is no room for one like it: it is not asked for each of many.
            if no_room := self._no_room_for(task, now):
                self._errors[task.rule_id] = (no_room, True)
                self._refused.add(task.rule_id)
                continue
            if time.monotonic() > until:
                self.is_unfinished = True
                return
            if work.intend(self._claim, task.rule_id):
                self._apply_one(connection, task)

    def _apply_one(self, connection: Connection, task: Task) -> None:
        kept = task.kept
        self._kept[task.rule_id] = Kept(kept.rule, kept.provider_ids, added=True)
        self._asked.append(task.rule_id)
        self.has_changed = True
        try:
            # As it was before the intent: what is there by now and was never ours is somebody else's, who was quicker.
            with self._writing():
                ids = connection.apply(self._work.target, kept)
        except (Refused, Unreachable) as failure:
            if isinstance(failure, Refused):
                self._answered.add(task.rule_id)
                self._refused.add(task.rule_id)
            if isinstance(failure, Full):
                self._full.append((kept.rule, str(failure)))
            self._note(task.rule_id, failure)
        else:
            self._answered.add(task.rule_id)
            self._kept[task.rule_id] = Kept(kept.rule, ids, added=bool(ids))

    def _no_room_for(self, task: Task, now: Listing) -> str | None:
        """What the cloud has said of a rule that needs no more room than this one; None where this one may have some.

        What is there in part may need less than all of it, and options may say where there is to be room.
        """
        if _found(now, task) != _ABSENT:
            return None
        rule = task.kept.rule
        for full, error in self._full:
            is_like = rule.address.version == full.address.version and rule.options == full.options
            if is_like and _size(rule) >= _size(full):
                return error
        return None

    def _note(self, rule_id: uuid.UUID, failure: Refused | Unreachable) -> None:
        """Why a rule could not be revoked or applied. Raises what says that nothing else is to be asked now."""
        self._errors[rule_id] = (str(failure), self._is_final(failure))
        self._unanswered += isinstance(failure, Unreachable)
        if isinstance(failure, Throttled) or self._unanswered >= _UNANSWERED_AT_MOST:
            raise failure

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A call that writes all entries of an object may land late, whatever comes out of it but an answer.

        Nor where it is not sent any more: it is asked before each call whether to go on.
        """
        was = self.may_be_undone
        self.may_be_undone |= CLOUDS[self._work.provider].writes_whole
        try:
            yield
        except (Refused, Unreachable) as failure:
            if not _may_be_done(failure) or isinstance(failure, Unseen):
                self.may_be_undone = was
            raise
        except (LostClaim, Stopping):
            self.may_be_undone = was
            raise
        self.may_be_undone = was

    def _is_final(self, failure: Refused | Unreachable) -> bool:
        return isinstance(failure, Refused) and not self._settles(failure)

    def _seen(self, task: Task, after: Listing) -> Outcome:
        before = _found(self._before, task)
        found = _found(after, task)
        obstacle = (self._batch.obstacle, self._batch.is_final) if self._batch.obstacle else None
        if obstacle and not found.ours and not before.ours:
            return self._unseen(task, obstacle)
        if task.is_wanted and found.state is State.PRESENT and found.foreign and self._shows_what_is_gone(after):
            # Whether that or a rule of somebody else's equals this one, the next look tells.
            return self._unseen(task, (_NOT_SHOWN, False))
        if self._may_hide(task, found):
            return self._unseen(task, self._errors[task.rule_id])
        is_right = found.state is State.PRESENT if task.is_wanted else not found.ours
        was_asked_for = task.rule_id in self._answered or not task.is_wanted
        otherwise = (_NOT_SHOWN, False) if was_asked_for else obstacle or (None, False)
        error, is_final = self._errors.get(task.rule_id, otherwise)
        return Outcome(
            state=found.state,
            was_wanted=task.is_wanted,
            is_ours=found.ours,
            was_ours=before.ours,
            provider_ids=found.provider_ids or self._names(task, before),
            # Where nothing tells them apart, what shows behind a removal may be ours, come back.
            is_foreign=found.foreign and (task.is_wanted or before.foreign),
            is_leaving=task.rule_id in self._leaving,
            is_answered=self._is_known(task, found.state),
            is_theirs=task.rule_id in self._asked and not self._kept[task.rule_id].added and not found.ours,
            has_arrived=before.ours and before.state is State.PRESENT,
            error=None if is_right else error,
            is_final=is_final and not is_right,
            was_restored=task.is_wanted and is_right and before.state is not State.PRESENT,
        )

    def _may_hide(self, task: Task, found: Found) -> bool:
        """Whether a rule that could not be revoked may be there unshown: a person can make another one of what keeps
        its name, and then neither tag nor opening tells it."""
        is_named = not task.is_wanted and bool(task.kept.provider_ids)
        return is_named and task.rule_id in self._errors and not found.ours

    def _shows_what_is_gone(self, listing: Listing) -> bool:
        """Whether a listing has a rule of ours that was just revoked: reads may lag behind writes."""
        gone = self._strays - self._errors.keys()
        return any(listing.found[self._kept[rule_id].rule.tag].ours for rule_id in gone)

    def _without_a_look(self, task: Task, failure: Refused | Unreachable) -> Outcome:
        """How a rule stands where the last listing could not be had."""
        if self._is_gone(failure) and self._batch.obstacle is None:
            error = str(failure) if task.is_wanted else None
            return Outcome(State.ABSENT, task.is_wanted, error=error, is_final=error is not None)
        if self._revoked is not None and (not task.is_wanted or _found(self._revoked, task).state is State.PRESENT):
            return self._seen(task, self._revoked)
        return self._unseen(task, self._errors.get(task.rule_id, (str(failure), self._is_final(failure))))

    def _is_gone(self, failure: Refused | Unreachable) -> bool:
        return isinstance(failure, Refused) and failure.code in CLOUDS[self._work.provider].gone

    def _unseen(self, task: Task, error: tuple[str, bool]) -> Outcome:
        return Outcome(
            state=None,
            was_wanted=task.is_wanted,
            is_leaving=task.rule_id in self._leaving,
            provider_ids=self._kept[task.rule_id].provider_ids,
            is_answered=self._is_known(task, None),
            error=error[0],
            is_final=error[1],
        )

    def _is_known(self, task: Task, state: State | None) -> bool:
        """Whether no call to add a rule can change anything any more: it was refused, or all of the rule is shown."""
        is_told = task.rule_id in self._refused or (task.rule_id in self._answered and state is State.PRESENT)
        return is_told and not task.may_arrive

    def _names(self, task: Task, before: Found) -> tuple[str, ...]:
        """The cloud's names for a rule: of one that was to go and was not shown, those it had, to ask once more."""
        names = self._kept[task.rule_id].provider_ids
        return names if task.is_wanted or before.ours else names or task.kept.provider_ids


def _turn_of(task: Task) -> tuple[float, float]:
    """What a cloud never answers comes after the others, or it could keep them from their turn for ever."""
    asked = task.asked_at.timestamp() if task.asked_at else 0.0
    return asked, random.random()  # noqa: S311 - hides nothing


def _may_be_done(failure: Refused | Unreachable) -> bool:
    """Whether what was asked for may be done, or may yet be."""
    return isinstance(failure, Unreachable) and not isinstance(failure, (Throttled, Unasked))


def _size(rule: Rule) -> int:
    """How many of a cloud's rules one of ours takes at most."""
    return len(rule.ports) or 1


def _found(listing: Listing | None, task: Task) -> Found:
    return listing.found[task.kept.rule.tag] if listing else _ABSENT
