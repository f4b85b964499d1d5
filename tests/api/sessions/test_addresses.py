"""From where somebody is let in: what the connection shows or a proof does, never what a caller says of himself."""

from typing import Any

import pytest

from api.accounts.models import Organisation
from api.database import clock, write
from api.resources.models import Resource
from api.sessions.models import Session
from tests.api.conftest import BASE, Caller
from tests.api.sessions.conftest import (
    ELSEWHERE,
    HOME,
    HOME_6,
    SECOND,
    MakeRole,
    at,
    grants_of,
    start,
    started,
)
from tests.api.test_errors import check

ALLOWED = "10.1.0.0/16,fd00:1::/32"


@pytest.fixture
def uma(user: Caller, resource: Resource, make_role: MakeRole) -> Caller:
    """Somebody who may open the resource."""
    make_role([user], [resource])
    return user


@pytest.fixture
def private_networks(environment: dict[str, str]) -> None:
    """The operator lets in some private addresses."""
    environment["ENTRYGUARD_SESSION_ALLOWED_NETWORKS"] = ALLOWED


def proof(caller: Caller, address: str) -> str:
    shown: str = caller.get("/detect-ip", **at(address)).json["proof"]
    return shown


def widen(organisation: Organisation, **prefixes: int) -> None:
    with write():
        Organisation.update(**prefixes).where(Organisation.id == organisation.id).execute()


def addresses(shown: dict[str, Any]) -> tuple[str | None, str | None]:
    return shown["ipv4Address"], shown["ipv6Address"]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [(HOME, (HOME, None)), (HOME_6, (None, HOME_6)), (f"::ffff:{HOME}", (HOME, None))],
)
def test_the_connection_tells_from_where(uma: Caller, seen: str, expected: tuple[str | None, str | None]) -> None:
    assert addresses(started(uma, seen)) == expected


def test_a_forged_header_tells_nothing(uma: Caller) -> None:
    answer = uma.post("/sessions", json={}, headers={"X-Forwarded-For": ELSEWHERE}, **at(HOME))

    assert addresses(answer.json) == (HOME, None)


def test_both_addresses_are_let_in_with_a_proof_of_the_other(uma: Caller) -> None:
    shown = started(uma, HOME, proofs=[proof(uma, HOME_6)])

    assert addresses(shown) == (HOME, HOME_6)
    assert [(ip["ipVersion"], ip["ipAddress"]) for ip in shown["resourceIps"]] == [(4, HOME), (6, HOME_6)]
    assert [grant.address for grant in grants_of(shown["id"])] == [f"{HOME}/32", f"{HOME_6}/128"]


def test_a_proof_of_the_same_kind_counts_before_the_connection(uma: Caller) -> None:
    """Who goes out through several addresses says with a proof which one he means."""
    assert addresses(started(uma, ELSEWHERE, proofs=[proof(uma, HOME)])) == (HOME, None)


def test_what_is_named_and_seen_is_let_in_alone(uma: Caller) -> None:
    shown = started(uma, HOME, proofs=[proof(uma, HOME_6)], ipv6Address=HOME_6)

    assert addresses(shown) == (None, HOME_6)


@pytest.mark.parametrize("body", [{"ipv4Address": ELSEWHERE}, {"ipv6Address": HOME_6}])
def test_a_user_lets_in_no_other_address(uma: Caller, body: dict[str, str]) -> None:
    check(start(uma, HOME, **body), 403, "FORBIDDEN")
    assert not Session.select().exists()


def test_a_key_of_the_organisation_lets_in_no_other_address(admin: Caller, client: Any, resource: Resource) -> None:
    body = {"name": "CI", "scopes": ["sessions:write"], "belongsTo": "ORGANIZATION"}
    headers = {"X-API-Key": admin.post("/api-keys", json=body).json["plainTextKey"]}

    answer = client.post(f"{BASE}/sessions", json={"ipv4Address": ELSEWHERE}, headers=headers, **at(HOME))

    check(answer, 403, "FORBIDDEN")


def test_an_administrator_lets_in_another_address(admin: Caller, resource: Resource) -> None:
    assert addresses(started(admin, HOME, ipv4Address=ELSEWHERE)) == (ELSEWHERE, None)
    assert addresses(started(admin, HOME, ipv4Address=ELSEWHERE, ipv6Address="2001:DB8::9")) == (
        ELSEWHERE,
        "2001:db8::9",
    )


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255"),  # noqa: S104 - nothing binds to it
        *("::1", "::", "fe80::1", "fd00::1", "ff02::1", "64:ff9b::a00:1", "2002:a00:1::1"),
    ],
)
def test_what_is_no_public_address_is_refused(admin: Caller, resource: Resource, address: str) -> None:
    field = "ipv6Address" if ":" in address else "ipv4Address"

    for answer in (start(admin, HOME, **{field: address}), start(admin, address)):
        check(answer, 400, "VALIDATION_ERROR")
        assert list(answer.json["details"]) == [field]
    assert not Session.select().exists()


@pytest.mark.engines("sqlite")
def test_the_operator_may_let_private_addresses_in(private_networks: None, admin: Caller, resource: Resource) -> None:
    assert addresses(started(admin, "10.1.2.3")) == ("10.1.2.3", None)
    assert addresses(started(admin, HOME, ipv6Address="fd00:1::5")) == (None, "fd00:1::5")
    check(start(admin, "10.2.0.1"), 400, "VALIDATION_ERROR")


# Networks


@pytest.mark.engines("sqlite")
def test_a_network_is_let_in_only_as_far_as_the_organisation_allows(
    admin: Caller, resource: Resource, organisation: Organisation
) -> None:
    answer = start(admin, HOME, ipv4Address="203.0.113.0/24")
    check(answer, 400, "VALIDATION_ERROR")
    assert answer.json["message"] == "ipv4Address: must be a single address"

    widen(organisation, widest_ipv4_prefix=24, widest_ipv6_prefix=64)

    assert addresses(started(admin, HOME, ipv4Address="203.0.113.0/24")) == ("203.0.113.0/24", None)
    assert addresses(started(admin, HOME, ipv6Address="2001:db8:0:1::/64")) == (None, "2001:db8:0:1::/64")
    assert "a network of /24 or smaller" in start(admin, HOME, ipv4Address="203.0.112.0/23").json["message"]
    check(start(admin, HOME, ipv6Address="2001:db8::/63"), 400, "VALIDATION_ERROR")


@pytest.mark.engines("sqlite")
def test_a_user_may_name_the_network_of_the_own_address(uma: Caller, organisation: Organisation) -> None:
    widen(organisation, widest_ipv4_prefix=28)

    assert addresses(started(uma, HOME, ipv4Address="203.0.113.0/28")) == ("203.0.113.0/28", None)
    check(start(uma, HOME, ipv4Address="203.0.113.16/28"), 403, "FORBIDDEN")


@pytest.mark.engines("sqlite")
def test_a_network_that_reaches_into_a_private_one_is_refused(
    private_networks: None, admin: Caller, resource: Resource, organisation: Organisation
) -> None:
    widen(organisation, widest_ipv4_prefix=1)

    check(start(admin, HOME, ipv4Address="11.0.0.0/7"), 400, "VALIDATION_ERROR")
    check(start(admin, HOME, ipv4Address="8.0.0.0/5"), 400, "VALIDATION_ERROR")
    check(start(admin, HOME, ipv4Address="10.0.0.0/15"), 400, "VALIDATION_ERROR")
    assert start(admin, HOME, ipv4Address="10.1.0.0/16").status_code == 201


# Proofs


def test_the_caller_is_told_from_where_he_asks(user: Caller) -> None:
    shown = user.get("/detect-ip", **at(HOME_6)).json

    assert (shown["ip"], shown["version"]) == (HOME_6, 6)
    assert set(shown) == {"ip", "version", "timestamp", "proof"}


def test_nobody_is_told_who_shows_nothing(client: Any, db: str) -> None:
    check(client.get(f"{BASE}/detect-ip"), 401, "UNAUTHORIZED")


@pytest.mark.usefixtures("standing_clock")
def test_a_proof_is_good_for_a_minute(uma: Caller) -> None:
    shown = proof(uma, HOME_6)
    clock.offset += 59 * SECOND
    assert start(uma, HOME, proofs=[shown]).status_code == 201

    clock.offset += 2 * SECOND
    check(start(uma, HOME, proofs=[shown]), 400, "VALIDATION_ERROR")


def test_a_proof_is_good_for_its_caller_alone(uma: Caller, admin: Caller, outsider: Caller) -> None:
    for other in (admin, outsider):
        answer = start(uma, HOME, proofs=[proof(other, HOME_6)])

        check(answer, 400, "VALIDATION_ERROR")
        assert list(answer.json["details"]) == ["proofs"]
    assert not Session.select().exists()


def test_a_start_that_is_sent_again_needs_no_fresh_proof(uma: Caller) -> None:
    body, key = {"proofs": [proof(uma, HOME_6)]}, {"Idempotency-Key": "once"}
    first = uma.post("/sessions", json=body, headers=key, **at(HOME))
    clock.offset += 90 * SECOND

    again = uma.post("/sessions", json=body, headers=key, **at(HOME))

    assert (again.status_code, again.json["id"]) == (201, first.json["id"])


@pytest.mark.engines("sqlite")
def test_two_proofs_of_one_kind_are_refused(uma: Caller) -> None:
    check(start(uma, HOME, proofs=[proof(uma, HOME), proof(uma, ELSEWHERE)]), 400, "VALIDATION_ERROR")
