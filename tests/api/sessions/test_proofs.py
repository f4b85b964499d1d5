"""A proof of an address shows that address, for one caller and a minute, and nothing that is changed is one."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from api.errors import InvalidInput
from api.network import parse_address
from api.secret import Secret
from api.sessions.proofs import proof_of, proven

KEY = Secret(os.urandom(48))
CALLER = "user:9a1f6c1e-7a55-4be4-8a3c-5d0b7c2e9f10"
MOMENT = datetime(2026, 2, 18, 12, 30, 0, 900_000, tzinfo=UTC)
ADDRESSES = ("203.0.113.7", "2001:db8::7")


def refuses(proof: str, caller: str = CALLER, moment: datetime = MOMENT, key: Secret = KEY) -> None:
    with pytest.raises(InvalidInput) as refusal:
        proven(proof, caller, moment, key)
    assert str(refusal.value) == "This proof is not yours, or older than 60 s. Ask GET /detect-ip for a new one."
    assert list(refusal.value.details) == ["proofs"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_proof_shows_its_address(address: str) -> None:
    proof = proof_of(parse_address(address), CALLER, MOMENT, KEY)

    assert str(proven(proof, CALLER, MOMENT, KEY)) == address
    assert len(proof) <= 160


def test_it_is_good_for_sixty_seconds_and_not_before() -> None:
    proof = proof_of(parse_address(ADDRESSES[0]), CALLER, MOMENT, KEY)

    assert str(proven(proof, CALLER, MOMENT + timedelta(seconds=59), KEY)) == ADDRESSES[0]
    refuses(proof, moment=MOMENT + timedelta(seconds=60))
    refuses(proof, moment=MOMENT - timedelta(seconds=1))


def test_it_is_nobody_elses_and_no_other_servers() -> None:
    proof = proof_of(parse_address(ADDRESSES[0]), CALLER, MOMENT, KEY)

    refuses(proof, caller=CALLER.replace("user", "key"))
    refuses(proof, caller=CALLER[:-1])
    refuses(proof, key=Secret(os.urandom(48)))


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_letter_of_it_can_be_changed(address: str) -> None:
    proof = proof_of(parse_address(address), CALLER, MOMENT, KEY)

    for place, letter in enumerate(proof):
        for other in {"0", "1", "a", "f", ".", "v", " ", letter.upper()} - {letter}:
            refuses(proof[:place] + other + proof[place + 1 :])
        refuses(proof[:place] + proof[place + 1 :])
        refuses(proof[:place] + "0" + proof[place:])


@pytest.mark.parametrize("text", ["", "v1", "v1...", "v2." + "0" * 80, "1" * 150, "v1.1.cb007107.", "\u0661"])
def test_what_is_no_proof_is_refused(text: str) -> None:
    refuses(text)


def test_the_signature_is_the_frozen_one() -> None:
    """What is signed changes only with another version in front: proofs are read by servers of two releases at once."""
    proof = proof_of(parse_address("203.0.113.7"), "user:x", datetime.fromtimestamp(1771417800, UTC), Secret(b"k" * 32))

    signature = "c66a492a27cd3703194c5d76da774d59cefa3201f76a63710bb79685764d6a8c"
    assert proof == f"v1.1771417800.cb007107.{signature}"
