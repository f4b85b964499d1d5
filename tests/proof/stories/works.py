"""What workers, the sweeper and operators' commands do, and what becomes of them."""

from collections.abc import Callable

from hypothesis import strategies as st

from api.credentials import key_rotation
from api.due import LEASE_SECONDS
from api.lifecycle import deleting
from tests.proof.stories import backup
from tests.proof.stories.sky import Died
from tests.proof.stories.story import MARGIN, Story, action
from worker.drain import Drain

_SWEEP_SECONDS, _LOOK_SECONDS = 1.0, 2.0


class Works(Story):
    """A bell says no more than "look": it is a call to serve."""

    is_redis_there = True

    @action(seconds=st.sampled_from((1, 5, 10, 21, 90, 700)))
    def time_passes(self, seconds: int) -> bool:
        self.world.pass_time(seconds)
        return True

    @action(lambda story: bool(story.stays))
    def the_time_of_a_session_is_up(self) -> bool:
        end = min(stay.expires_at for stay in self.stays)
        self.world.pass_time((end - self.world.moment + 2 * MARGIN).total_seconds())
        return True

    @action()
    def a_worker_takes_a_step(self) -> bool:
        return self._work(self.world.serve_one)

    @action(lambda story: story.is_redis_there)
    def the_bell_rings(self) -> bool:
        return self.is_redis_there and self._work(lambda: self.world.serve() > 0)

    @action(lambda story: story.is_redis_there)
    def the_bell_rings_twice(self) -> bool:
        """Two workers hear it, and take turns."""
        return self.is_redis_there and self._work(lambda: self._in_turns(self.world.new_worker()))

    @action(lambda story: story.is_redis_there)
    def the_bell_rings_late(self) -> bool:
        if not self.is_redis_there:
            return False
        self.world.pass_time(_LOOK_SECONDS)
        return self._work(lambda: self.world.serve() > 0)

    @action()
    def redis_is_lost_or_comes_back(self) -> bool:
        """Without it no bell rings, and the workers look by themselves."""
        self.is_redis_there = not self.is_redis_there
        self.world.pass_time(_LOOK_SECONDS)
        return self._work(lambda: self.world.serve() >= 0)

    @action()
    def the_sweeper_sweeps(self) -> bool:
        self.world.pass_time(_SWEEP_SECONDS)
        return self._work(self._sweep)

    @action(moments=st.integers(0, 30))
    def somebody_is_about_to_die(self, moments: int) -> bool:
        """Whoever comes there: at a commit or a call, before or after it."""
        self.world.moments.die_after(moments)
        return True

    @action(moments=st.integers(0, 11))
    def a_worker_dies(self, moments: int) -> bool:
        """In the middle of what it does, if there is so much to do."""
        before = self.world.moments.deaths
        self.world.moments.die_after(moments)
        self._work(lambda: self.world.serve() > 0)
        self.world.moments.live()
        return self.world.moments.deaths > before

    @action()
    def a_lease_runs_out(self) -> bool:
        """What somebody who died has held is free again."""
        self.world.pass_time(LEASE_SECONDS)
        return self._work(self.world.serve_one)

    @action()
    def a_worker_stands_still_beyond_its_lease(self) -> bool:
        """Its call is under way meanwhile, and lands late."""
        stood: list[bool] = []

        def stand() -> None:
            stood.append(True)
            self.world.pass_time(LEASE_SECONDS + 1)
            self._serve_all(self.world.new_worker())

        self.world.moments.live()  # who is both late and dead leaves what only another look finds
        with self.world.ground.standing(stand):
            self._work(lambda: self.world.serve() > 0)
        return bool(stood)

    @action()
    def the_key_ring_is_rotated(self) -> bool:
        world = self.world
        key_id = key_rotation.next_key_id(world.ring.current())
        before = world.ring.current().primary
        if not world.done(lambda: key_rotation.add(world.ring, key_id)):
            return False
        if not world.done(lambda: key_rotation.promote(world.ring, key_id)):
            return False
        if not world.done(lambda: list(key_rotation.rewrap(world.vault, key_id))):
            return False
        # A backup opens with the keys of its time alone.
        return backup.is_kept(world) or world.done(lambda: key_rotation.retire(world.ring, before))

    @action(lambda story: bool(story.stays))
    def a_backup_is_made(self) -> bool:
        return backup.make(self.world)

    @action(lambda story: backup.is_kept(story.world))
    def the_backup_is_restored(self) -> bool:
        return backup.is_kept(self.world) and backup.restore(self.world)

    def _sweep(self) -> bool:
        has_found = self.world.sweeper.ring_for_unserved()
        self.world.sweeper.tell_of_stuck()
        self.world.sweeper.tell_of_overdue()
        deleting.finish()
        self.world.sweeper.forget()
        if has_found and self.is_redis_there:
            self.world.serve()
        return has_found

    def _in_turns(self, second: Drain) -> bool:
        served = 0
        while self.world.serve_one() + self.world.serve_one(second):
            served += 1
            assert served < 300, "the rows never come to rest"
        return served > 0

    def _serve_all(self, worker: Drain) -> None:
        while self.world.serve_one(worker):
            pass

    def _work(self, work: Callable[[], bool]) -> bool:
        try:
            return work()
        except Died:
            self.world.start_worker()
            return True
