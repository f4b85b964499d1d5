"""P7: a sealed secret that was altered or moved does not open, whatever was done to it, and nobody learns why."""

import random
from collections import Counter

import pytest

from api.key_ring import KeyRing
from api.vault import SealBroken, Vault
from tests.proof.ledger import proven
from tests.proof.promises.mutations import MUTATIONS, Kept, population
from tests.proof.scale import FULL

SEED = 7
MUTATIONS_WANTED = 120_000 if FULL else 20_000


def refusal_of(vault: Vault, kept: Kept) -> BaseException | None:
    """What is raised where it does not open; None where it does."""
    try:
        vault.open(kept.sealed, kept.name)
    except Exception as error:  # noqa: BLE001 - what is raised is what is looked at
        return error
    return None


@pytest.mark.timeout(600)
def test_nothing_that_was_altered_or_moved_opens() -> None:
    chance = random.Random(SEED)  # noqa: S311 - damage that can be repeated, no secret
    ring = KeyRing.fresh("key-1").with_added("key-2")
    vault, rewrapping = Vault(ring), Vault(ring.with_added("key-3").promoted("key-3"))
    secrets = population(ring, chance)
    wrapped = {(kept.name, kept.sealed.key_id, kept.sealed.wrapped_key) for kept in secrets}
    refused, told, opened = Counter[str](), set[tuple[type, str, str]](), list[tuple[str, Kept]]()

    while refused.total() < MUTATIONS_WANTED and not opened:
        for kind, mutate in MUTATIONS.items():
            kept, other = chance.sample(secrets, 2)
            mutant = mutate(chance, kept, other)
            if mutant == kept:
                continue
            error = refusal_of(vault, mutant)
            if error is None:
                opened.append((kind, mutant))
                continue
            told.add((type(error), str(error), repr(error.__context__)))
            refused[kind] += 1
            # Re-wrapping does not open the data: it may move a key that is whole and in its place.
            if (mutant.name, mutant.sealed.key_id, mutant.sealed.wrapped_key) not in wrapped:
                with pytest.raises(SealBroken):
                    rewrapping.rewrap(mutant.sealed, mutant.name)

    assert opened == []
    assert told == {(SealBroken, "A stored secret cannot be opened.", "None")}
    assert set(refused) == set(MUTATIONS)
    assert [refusal_of(vault, kept) for kept in secrets] == [None] * len(secrets), "else this proves nothing"
    proven(
        "P7",
        f"sealed secrets altered and moved in {len(MUTATIONS)} ways, then opened and re-wrapped",
        f"{refused.total():,} of {refused.total():,} refused, all with one error",
        SEED,
    )
