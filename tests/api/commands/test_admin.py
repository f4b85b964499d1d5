"""`entryguard-server admin`."""

from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.accounts.models import Organisation, User
from api.commands.admin import admin
from api.credentials.models import Credential
from api.database import connection
from api.resources.models import Resource
from tests.api.accounts.acting import columns, events
from tests.api.accounts.test_sign_in import log_in
from tests.api.conftest import PASSWORD, Caller
from tests.rows import make_credential, make_resource


def run(environment: dict[str, str], *arguments: str, password: str = PASSWORD) -> Result:
    return CliRunner().invoke(admin, list(arguments), input=f"{password}\n", env=environment)


def create(
    environment: dict[str, str], email: str = "zoe@example.com", organization: str = "Zeta", **options: str
) -> Result:
    return run(environment, "create", "--email", email, "--organization", organization, **options)


def test_an_administrator_of_a_new_organisation_can_sign_in(client: object, environment: dict[str, str]) -> None:
    result = create(environment)

    assert (result.exit_code, result.output) == (0, "zoe@example.com administers Zeta.\n")
    with connection():
        assert User.get(User.email == "zoe@example.com").role == "ORG_ADMIN"


def test_an_administrator_is_added_to_an_organisation_by_slug_or_name(
    admin: Caller, environment: dict[str, str]
) -> None:
    assert create(environment, "zoe@example.com", "acme").exit_code == 0
    assert create(environment, "zac@example.com", "Acme").exit_code == 0

    with connection():
        assert Organisation.select().count() == 1
        assert log_in(admin.client, "zoe@example.com").status_code == 200


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"password": "short"}, "The password must have 12 to 128 characters."),
        ({"email": "zoe"}, "This is not an e-mail address."),
        (
            {"email": "ada@example.com", "organization": "acme"},
            "A user with this email is in the organization already.",
        ),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    admin: Caller, environment: dict[str, str], change: dict[str, str], sentence: str
) -> None:
    result = create(environment, **change)

    assert (result.exit_code, result.output) == (1, f"Error: {sentence}\n")


def test_a_password_is_reset_and_all_logins_end(admin: Caller, environment: dict[str, str]) -> None:
    who = ("--email", "ada@example.com", "--organization", "acme")

    result = run(environment, "reset-password", *who, password="another password")

    assert result.exit_code == 0
    assert "another password" not in result.output
    with connection():
        assert admin.get("/auth/me").status_code == 401
        assert log_in(admin.client, password="another password").status_code == 200


@pytest.mark.parametrize("who", [("nobody@example.com", "acme"), ("ada@example.com", "elsewhere")])
def test_the_password_of_nobody_is_not_reset(admin: Caller, environment: dict[str, str], who: tuple[str, str]) -> None:
    result = run(environment, "reset-password", "--email", who[0], "--organization", who[1])

    assert result.exit_code == 1
    assert result.output == f"Error: There is no user {who[0]} in {who[1]}.\n"


def organization(environment: dict[str, str], deed: str, which: str = "acme") -> tuple[int, str]:
    result = run(environment, "organization", deed, "--organization", which)
    return result.exit_code, result.output


def test_nobody_of_a_suspended_organisation_acts_until_it_goes_on(admin: Caller, environment: dict[str, str]) -> None:
    assert organization(environment, "suspend") == (
        0,
        "Acme is suspended. Its sessions have ended, and their rules are being removed.\n",
    )
    with connection():
        assert admin.get("/auth/me").status_code == 401
        assert log_in(admin.client).status_code == 401

    assert organization(environment, "resume", "Acme") == (0, "Acme goes on.\n")
    with connection():
        assert admin.get("/auth/me").status_code == log_in(admin.client).status_code == 200


def test_a_suspended_organisation_can_be_given_an_administrator(admin: Caller, environment: dict[str, str]) -> None:
    organization(environment, "suspend")

    result = create(environment, "zoe@example.com", "acme")

    assert (result.exit_code, result.output) == (0, "zoe@example.com administers acme.\n")


def test_what_is_so_already_is_told(admin: Caller, environment: dict[str, str]) -> None:
    assert organization(environment, "resume") == (1, "Error: Acme is not suspended.\n")
    organization(environment, "suspend")
    assert organization(environment, "suspend") == (1, "Error: Acme is suspended already.\n")


@pytest.mark.parametrize("deed", ["suspend", "resume"])
def test_no_organisation_of_nobodys_is_suspended(admin: Caller, environment: dict[str, str], deed: str) -> None:
    assert organization(environment, deed, "elsewhere") == (1, "Error: There is no organization elsewhere.\n")


# Tiers


def change_tier(environment: dict[str, str], wanted: str, which: str = "acme") -> tuple[int, str]:
    result = run(environment, "organization", "tier", "--organization", which, wanted)
    return result.exit_code, result.output


def let_three_in(admin: Caller) -> list[Resource]:
    organisation = Organisation.get_by_id(admin.user.organisation_id)
    credential = make_credential(organisation, account="123456789012", is_valid=True)
    return [make_resource(credential, is_active=True, config={"port": 443}) for _ in range(3)]


def add_a_resource(admin: Caller) -> Any:
    body = {"credentialId": str(Credential.get().id), "name": "Web", "provider": "AWS", "region": "eu-central-1"}
    body |= {"resourceType": "SECURITY_GROUP", "resourceIdentifier": "sg-0123456789abcdef0"}
    return admin.post("/resources", json=body)


def start(admin: Caller, hours: int) -> Any:
    return admin.post("/sessions", json={"durationHours": hours}, environ_base={"REMOTE_ADDR": "203.0.113.7"})


def test_a_lifted_organisation_has_the_limits_of_its_tier_at_once(admin: Caller, environment: dict[str, str]) -> None:
    with connection():
        let_three_in(admin)
        assert add_a_resource(admin).status_code == 201
    change_tier(environment, "FREE")
    with connection():
        assert add_a_resource(admin).json["error"] == "MAX_RESOURCES_REACHED"
        assert start(admin, 3).json["maxDurationMinutes"] == 120

    assert change_tier(environment, "PAID") == (0, "Acme is PAID now.\n")

    with connection():
        assert add_a_resource(admin).status_code == 201
        assert [start(admin, 24).status_code for _ in range(6)] == [201] * 5 + [400]
        shown = admin.get("/organization").json
        assert shown["tier"] == "PAID"


def test_a_lowered_organisation_keeps_what_it_has(admin: Caller, environment: dict[str, str]) -> None:
    with connection():
        let_three_in(admin)
        kept = [add_a_resource(admin).json["id"], *(start(admin, 24).json["id"] for _ in range(2))]

    assert change_tier(environment, "FREE", "Acme") == (0, "Acme is FREE now.\n")

    with connection():
        assert len(admin.get("/resources").json) == 4
        assert {one["id"]: one["endedAt"] for one in admin.get("/sessions").json} == dict.fromkeys(kept[1:])
        assert start(admin, 1).json["error"] == "SESSION_LIMIT_REACHED"
        longer = admin.post(f"/sessions/{kept[1]}/extend", json={"durationMinutes": 5})
        assert (longer.json["error"], longer.json["maxDurationMinutes"]) == ("DURATION_EXCEEDED", 120)


def test_a_change_of_tier_is_told(admin: Caller, environment: dict[str, str]) -> None:
    before = columns(Organisation.get())

    change_tier(environment, "FREE")

    with connection():
        after = columns(Organisation.get())
        assert after == {**before, "tier": "FREE", "revision": 2, "updated_at": after["updated_at"]}
        told = events("ORGANIZATION_UPDATE")[-1]
    assert (told.actor_type, told.resource_name) == ("SYSTEM", "Acme")
    assert told.details == {"changed": ["tier"], "tier": {"from": "PAID", "to": "FREE"}}


def test_a_tier_that_is_so_already_is_told_and_nothing_happens(admin: Caller, environment: dict[str, str]) -> None:
    with connection():
        before, said = columns(Organisation.get()), len(events())

    assert change_tier(environment, "PAID") == (1, "Error: Acme is PAID already.\n")

    with connection():
        assert (columns(Organisation.get()), len(events())) == (before, said)


def test_no_organisation_of_nobodys_has_its_tier_changed(admin: Caller, environment: dict[str, str]) -> None:
    assert change_tier(environment, "FREE", "elsewhere") == (1, "Error: There is no organization elsewhere.\n")


def test_a_tier_that_there_is_not_is_refused(admin: Caller, environment: dict[str, str]) -> None:
    code, said = change_tier(environment, "GOLD")

    assert code == 2 and "'GOLD' is not one of 'FREE', 'PAID'." in said
