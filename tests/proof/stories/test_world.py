"""The stories' own bookkeeping says nothing wrong of what is right."""

from api.audit_log.models import AuditEntry
from api.credentials import key_rotation
from api.credentials import service as credentials
from api.credentials.models import Credential, KeyCheck
from tests.proof.stories import backup
from tests.proof.stories.sky import Died
from tests.proof.stories.world import World
from tests.proof.stories.worlds import Worlds

_MOST_MOMENTS = 60


def test_whoever_dies_when_a_claim_has_been_given_back_has_it_no_more(worlds: Worlds) -> None:
    for moments in range(_MOST_MOMENTS):
        world = worlds.open()
        try:
            has_died = dies_of_a_verification(world, moments)
            ask(world)
            world.serve()

            assert world.claims.wrong == [], moments
        finally:
            worlds.close()
        if not has_died:
            break

    assert not has_died and moments > 1, "it has died at each moment, and then at none"


def dies_of_a_verification(world: World, moments: int) -> bool:
    ask(world)
    world.moments.die_after(moments)
    try:
        world.serve_one()
    except Died:
        world.start_worker()
        return True
    finally:
        world.moments.live()
    return False


def ask(world: World) -> None:
    credential = Credential.select().order_by(Credential.id).first()
    credentials.ask_verification(world.admin(world.model.houses[credential.organisation_id]), credential.id)


def test_an_operator_who_dies_as_he_restores_a_backup_asks_again(worlds: Worlds) -> None:
    for moments in (0, 1):
        world = worlds.open()
        try:
            assert backup.make(world)
            world.moments.die_after(moments)
            assert backup.restore(world)

            assert world.moments.deaths == 1
            told = AuditEntry.select().where(AuditEntry.event_type == "ORGANIZATION_UPDATE")
            assert [entry.details["restored"] for entry in told] == ["adopted"] * len(world.model.houses)
        finally:
            worlds.close()


def test_a_worker_who_dies_as_it_starts_on_an_older_database_is_started_again(worlds: Worlds) -> None:
    for moments in (0, 1):
        world = worlds.open()
        try:
            assert backup.make(world)
            key_id = key_rotation.next_key_id(world.ring.current())
            key_rotation.add(world.ring, key_id)
            world.moments.die_after(moments)
            assert backup.restore(world)

            assert world.moments.deaths == 1
            assert key_id in {row.key_id for row in KeyCheck.select()}
        finally:
            worlds.close()
