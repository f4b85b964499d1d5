"""What the points of the crashes stand on."""

from tests.proof.crashes.writers import transactions

OF_THEIR_OWN = {
    "api.accounts.service.organisations:_inserted": "a savepoint within `write`, for a slug that is taken",
    "api.database:write": "the one place where anything is committed",
}
"""Who opens a transaction by peewee's own words, and why."""


def test_nothing_is_committed_beside_the_points() -> None:
    assert transactions() == OF_THEIR_OWN.keys()
