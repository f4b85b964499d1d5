"""An address that is nobody's and a wrong password: the same words, and the same work."""

import itertools
import re
import statistics
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher

from api.accounts.models import Organisation, User
from api.accounts.service import add_administrator
from api.database import now, write
from api.openapi import BASE_PATH
from api.secret import Secret
from tests.api.conftest import PASSWORD
from tests.proof.crowd import ADA, EVE
from tests.proof.ledger import proven
from tests.proof.scale import FULL
from tests.proof.statements import heard
from tests.proof.world import World

PAIRS = 150
_OF_THE_REQUEST = {"X-Request-ID", "Date", "RateLimit-Remaining", "RateLimit-Reset"}
_numbers = itertools.count(1)

Body = dict[str, str]


def attempt(world: World, body: Body) -> Any:
    """Each from an address of its own, so that none of them is slowed down."""
    number = next(_numbers)
    address = f"198.18.{number >> 8}.{number & 255}"
    return world.client.post(f"{BASE_PATH}/auth/login", json=body, environ_base={"REMOTE_ADDR": address})


def _deactivated(world: World) -> Body:
    user_id, email = world.crowd.hire("USER")
    world.crowd.ask(world.crowd.ada, "PATCH", f"/users/{user_id}", {"isActive": False})
    return {"email": email, "password": PASSWORD}


def _suspended(world: World) -> Body:
    email = world.crowd.new_email()
    user = add_administrator(email, Secret.of_text(PASSWORD), f"Suspended {email}", "PAID")
    with write():
        Organisation.update(suspended_at=now()).where(Organisation.id == user.organisation_id).execute()
    return {"email": email, "password": PASSWORD}


def _in_two_organisations(world: World) -> Body:
    email = world.crowd.new_email()
    for name in ("one", "other"):
        add_administrator(email, Secret.of_text(PASSWORD), f"{name} of {email}", "PAID")
    return {"email": email, "password": PASSWORD}


WRONG: dict[str, Callable[[World], Body]] = {
    "nobody's address": lambda _: {"email": "nobody@example.com", "password": PASSWORD},
    "a wrong password": lambda _: {"email": ADA, "password": "not the password"},
    "another's organisation": lambda _: {"email": EVE, "password": PASSWORD, "organizationSlug": "acme"},
    "no organisation": lambda _: {"email": ADA, "password": PASSWORD, "organizationSlug": "there-is-none"},
    "a deactivated user": _deactivated,
    "a suspended organisation": _suspended,
    "an address in two organisations": _in_two_organisations,
}


def _seen(answer: Any) -> tuple[Any, ...]:
    body = re.sub(r'"(timestamp|requestId)":"[^"]*"', "", answer.text)
    return answer.status_code, body, sorted(pair for pair in answer.headers if pair[0] not in _OF_THE_REQUEST)


def test_whatever_is_wrong_the_answer_and_its_work_are_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    verify = PasswordHasher.verify

    def counted(hasher: PasswordHasher, password_hash: str, password: bytes) -> bool:
        verified.append(password_hash.rpartition("$")[0].rpartition("$")[0])
        return verify(hasher, password_hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    bodies = {name: make(world) for name, make in WRONG.items()}
    answers, writes = {}, {}
    for name, body in bodies.items():
        with heard() as statements:
            answers[name] = _seen(attempt(world, body))
        writes[name] = sum(statement.startswith(("INSERT", "UPDATE", "DELETE")) for statement in statements)

    assert answers["nobody's address"][0] == 401
    assert {name for name in answers if answers[name] != answers["nobody's address"]} == set()
    assert verified == ["$argon2id$v=19$m=19456,t=2,p=1"] * len(WRONG), "each costs one hash, of the same parameters"
    assert len(set(writes.values())) == 1, writes
    figure = f"{len(WRONG)} of {len(WRONG)} kinds, each with one Argon2 hash and {min(writes.values())} writes"
    proven("P12", "wrong sign-ins answered alike, after the same work", figure)


@pytest.mark.alone
@pytest.mark.skipif(not FULL, reason="a busy machine tells nothing of a twentieth")
@pytest.mark.timeout(600)
def test_nobodys_address_takes_as_long_as_a_wrong_password_within_a_twentieth(world: World) -> None:
    ada = User.get(User.email == ADA)
    with write():
        for number in range(PAIRS):
            row = {**ada.__data__, "id": uuid.uuid4(), "email": f"known-{number}@example.com"}
            User.insert(row).execute()
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(PAIRS):
        kinds = ("known", "unknown") if number % 2 else ("unknown", "known")
        for kind in kinds:
            begun = time.perf_counter()
            answer = attempt(world, {"email": f"{kind}-{number}@example.com", "password": "not the password"})
            times[kind].append(time.perf_counter() - begun)
            assert answer.status_code == 401

    known, unknown = (statistics.median(times[kind]) for kind in ("known", "unknown"))
    assert abs(known - unknown) < 0.05 * known, (known, unknown)
    figure = f"medians {1000 * known:.1f} and {1000 * unknown:.1f} ms, {abs(known - unknown) / known:.1%} apart"
    proven("P12", f"a known and an unknown address with a wrong password, {PAIRS} pairs", figure)
