"""Many at once for what there is one of: one gets it, and everybody is told the truth."""

from collections import Counter
from functools import partial

import pytest

from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE, MAX_RESOURCES_REACHED
from tests.proof.bounds.conftest import Asking, at_once, sign_in
from tests.proof.ledger import proven
from tests.served_api import EMAIL, PASSWORD
from tests.server_process import ApiProcess

pytestmark = pytest.mark.engines("sqlite", "postgresql")

CROWD = 50
ROUNDS = 3
PLACES = 3


def test_fifty_requests_for_the_last_place_of_a_tier_make_one_resource(admin: Asking, engine: str) -> None:
    # Each asks through a credential of its own: those of one credential would wait for it, whatever guards the tier.
    credentials = [admin.make("/credentials", CREATE_CREDENTIAL["AWS"])["id"] for _ in range(CROWD)]
    bodies = [{**CREATE_RESOURCE, "credentialId": credential_id} for credential_id in credentials]
    for body in bodies[: PLACES - 1]:
        admin.make("/resources", body)

    for _ in range(ROUNDS):
        answers = at_once([partial(admin.ask, "POST", "/resources", body) for body in bodies])

        assert Counter(status for status, _ in answers) == {201: 1, 400: CROWD - 1}
        refused = [answer for status, answer in answers if status == 400]
        assert {(answer["error"], answer["message"]) for answer in refused} == {
            ("MAX_RESOURCES_REACHED", MAX_RESOURCES_REACHED)
        }
        _, listed = admin.ask("GET", "/resources")
        assert len(listed) == PLACES
        [made] = [answer for status, answer in answers if status == 201]
        assert admin.ask("DELETE", f"/resources/{made['id']}")[0] == 204

    tested = f"{CROWD} requests at once for the last place of the Free tier, {engine}"
    proven("BOUNDS", tested, f"in {ROUNDS} of {ROUNDS} rounds one 201 and {CROWD - 1} MAX_RESOURCES_REACHED")


def test_two_administrators_who_demote_each_other_leave_one(server: ApiProcess, admin: Asking, engine: str) -> None:
    ada = admin.ask("GET", "/auth/me")[1]["id"]
    bea = hired(admin)
    rounds = 8
    for _ in range(rounds):
        theirs = sign_in(server, bea["email"])
        answers = at_once(
            [
                partial(admin.ask, "PATCH", f"/users/{bea['id']}", {"role": "USER"}),
                partial(theirs.ask, "PATCH", f"/users/{ada}", {"role": "USER"}),
            ]
        )

        statuses = [status for status, _ in answers]
        assert statuses.count(200) == 1 and set(statuses) <= {200, 400, 403}
        assert all(answer["error"] in ("LAST_ADMIN", "FORBIDDEN") for status, answer in answers if status != 200)
        left = admin if statuses[0] == 200 else theirs
        assert [each["role"] for each in left.ask("GET", "/users")[1]].count("ORG_ADMIN") == 1
        demoted = bea["id"] if statuses[0] == 200 else ada
        assert left.ask("PATCH", f"/users/{demoted}", {"role": "ORG_ADMIN"})[0] == 200

    tested = f"two administrators demote each other at once, {engine}"
    proven("BOUNDS", tested, f"one is left after each of {rounds} rounds")


def test_administrators_who_all_step_down_leave_one(server: ApiProcess, admin: Asking) -> None:
    people = [hired(admin) for _ in range(4)]
    crowd = [admin, *(sign_in(server, each["email"]) for each in people)]
    ids = [admin.ask("GET", "/auth/me")[1]["id"], *(each["id"] for each in people)]
    # Whoever administers beside them would let all of them go.
    for each in admin.ask("GET", "/users")[1]:
        if each["id"] not in ids:
            assert admin.ask("PATCH", f"/users/{each['id']}", {"role": "USER"})[0] == 200

    answers = at_once(
        [
            partial(asking.ask, "PATCH", f"/users/{user}", {"role": "USER"})
            for asking, user in zip(crowd, ids, strict=True)
        ]
    )

    assert Counter(status for status, _ in answers) == {200: len(ids) - 1, 400: 1}
    [(position, answer)] = [(place, each) for place, (status, each) in enumerate(answers) if status == 400]
    assert answer["error"] == "LAST_ADMIN"
    assert crowd[position].ask("PATCH", f"/users/{ids[0]}", {"role": "ORG_ADMIN"})[0] == 200


def test_fifty_exchanges_of_one_refresh_token_end_its_login(server: ApiProcess, engine: str) -> None:
    """One exchange succeeds at most. The others show that somebody holds a copy, so what came of it ends too."""
    for _ in range(ROUNDS):
        _, login = server.ask("POST", "/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
        shown = {"refreshToken": login["refreshToken"]}

        answers = at_once([partial(server.ask, "POST", "/api/v1/auth/refresh", shown)] * CROWD)

        statuses = Counter(status for status, _ in answers)
        assert statuses == {200: 1, 401: CROWD - 1}
        [renewed] = [answer for status, answer in answers if status == 200]
        for token in (login["accessToken"], renewed["accessToken"]):
            assert server.ask("GET", "/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})[0] == 401
        again = {"refreshToken": renewed["refreshToken"]}
        assert server.ask("POST", "/api/v1/auth/refresh", again)[0] == 401

    tested = f"{CROWD} exchanges of one refresh token at once, {engine}"
    proven("BOUNDS", tested, f"one succeeds and the login ends, in {ROUNDS} of {ROUNDS} rounds")


def test_fifty_requests_with_one_idempotency_key_make_one_object(admin: Asking, engine: str) -> None:
    before = len(admin.ask("GET", "/credentials")[1])
    for number in range(ROUNDS):
        headers = {"Idempotency_Key": f"race-{number}"}

        answers = at_once([partial(admin.ask, "POST", "/credentials", CREATE_CREDENTIAL["AWS"], **headers)] * CROWD)

        assert {status for status, _ in answers} <= {201, 409}
        assert len({answer["id"] for status, answer in answers if status == 201}) == 1
        assert all(answer["error"] == "CONFLICT" for status, answer in answers if status == 409)
    assert len(admin.ask("GET", "/credentials")[1]) == before + ROUNDS

    tested = f"{CROWD} requests at once with one Idempotency-Key, {engine}"
    proven("BOUNDS", tested, f"one object in each of {ROUNDS} rounds")


_numbers = iter(range(1000))


def hired(boss: Asking) -> dict[str, str]:
    """A further administrator."""
    email = f"person-{next(_numbers)}@example.com"
    body = {"email": email, "name": "Bea", "password": PASSWORD, "role": "ORG_ADMIN"}
    made: dict[str, str] = boss.make("/users", body)
    return made
