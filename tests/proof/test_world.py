"""What the tests of the proof share lasts as long as they do."""

from datetime import timedelta

from api.database import clock
from api.tokens import LIFETIME
from tests.proof.world import World


def test_whoever_asks_afresh_is_let_in_however_long_the_tests_have_taken(world: World) -> None:
    operation = world.operations["GET /users"]
    clock.offset += LIFETIME["access"] // timedelta(microseconds=1)

    headers = world.headers("an administrator", operation, afresh=True)

    assert world.ask(operation, headers, world.own).status_code == 200
