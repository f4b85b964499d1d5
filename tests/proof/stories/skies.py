"""What the cloud does, and what others do in it."""

import uuid

from hypothesis import strategies as st

from api.credentials import service as credentials
from api.credentials.service import ChangedCredentialFields
from tests.clouds.nimbus import PASSES_OF_A_GATE, Pass
from tests.proof.stories.model import House
from tests.proof.stories.sky import GATES, Weather
from tests.proof.stories.story import ADDRESSES, NUMBERS, Story, action, network, pick

_FEW = st.integers(1, 4)
_GATES = st.sampled_from(GATES)
_MOST_FOREIGN = 3


class Skies(Story):
    """Faults, hands, and keys that are no good any more."""

    @action(calls=_FEW)
    def the_cloud_throttles(self, calls: int) -> bool:
        self.world.ground.sky.weather.throttled = calls
        return True

    @action(calls=_FEW)
    def the_cloud_is_silent(self, calls: int) -> bool:
        self.world.ground.sky.weather.silent = calls
        return True

    @action(calls=_FEW)
    def changes_are_made_and_not_answered(self, calls: int) -> bool:
        self.world.ground.sky.weather.loses_answers = calls
        return True

    @action(seconds=st.sampled_from((2, 10)))
    def what_is_added_is_shown_late(self, seconds: int) -> bool:
        self.world.ground.sky.weather.lag_seconds = seconds
        return True

    @action(lambda story: story.world.ground.sky.weather != Weather())
    def the_weather_clears(self) -> bool:
        self.world.ground.calm()
        return True

    @action(gate=_GATES, where=NUMBERS)
    def a_person_adds_a_rule(self, gate: str, where: int) -> bool:
        """Sometimes one that equals ours."""
        ground = self.world.ground
        if len(ground.theirs[gate]) >= _MOST_FOREIGN or len(ground.sky.gates[gate]) >= PASSES_OF_A_GATE:
            return False
        lets_in: Pass = (network(pick(ADDRESSES, where)), "tcp", ("443",))
        ground.add_foreign(gate, f"theirs-{uuid.uuid4()}", lets_in)
        return True

    @action(lambda story: any(story.world.ground.theirs.values()), gate=_GATES, which=NUMBERS)
    def a_person_takes_his_rule_away(self, gate: str, which: int) -> bool:
        if not (names := list(self.world.ground.theirs[gate])):
            return False
        self.world.ground.remove_foreign(gate, pick(names, which))
        return True

    @action(lambda story: any(story.world.ground.ours()), which=NUMBERS)
    def a_person_removes_our_rule(self, which: int) -> bool:
        if not (ours := list(self.world.ground.ours())):
            return False
        gate, rule, _ = pick(ours, which)
        self.world.ground.remove(gate, rule)
        return True

    @action(lambda story: any(story.world.ground.ours()), which=NUMBERS)
    def a_person_edits_our_rule(self, which: int) -> bool:
        if not (ours := list(self.world.ground.ours())):
            return False
        gate, rule, _ = pick(ours, which)
        self.world.ground.edit(gate, rule)
        return True

    @action(gate=_GATES)
    def a_person_fills_a_gate(self, gate: str) -> bool:
        self.world.ground.fill(gate)
        return True

    @action(lambda story: story.world.ground.is_filled())
    def a_person_makes_room(self) -> bool:
        self.world.ground.make_room()
        return True

    @action()
    def the_credentials_are_rejected(self) -> bool:
        self.world.ground.reject()
        return self._ask_about_all()

    @action()
    def the_credentials_are_mended(self) -> bool:
        self.world.ground.mend()
        return self._ask_about_all()

    @action(which=NUMBERS, verify_first=st.booleans())
    def a_secret_is_rotated(self, which: int, verify_first: bool) -> bool:
        houses = [house for house in self.houses if house.credentials]
        if not houses:
            return False
        house = pick(houses, which)
        credential = pick(sorted(house.credentials), which)
        wanted = ChangedCredentialFields(credential_data=self.world.ground.new_key())
        admin, server = self.world.admin(house), self.world.server
        return self.world.done(lambda: credentials.change(admin, credential, wanted, server, verify_first=verify_first))

    def _ask_about_all(self) -> bool:
        """Have all credentials verified, as their owners would."""
        asked = False
        for house in self.houses:
            for credential in sorted(house.credentials):
                asked |= self._ask_about(house, credential)
        return asked

    def _ask_about(self, house: House, credential: uuid.UUID) -> bool:
        return self.world.done(lambda: credentials.ask_verification(self.world.admin(house), credential))
