"""`entryguard-server admin`."""

import pytest
from click.testing import CliRunner, Result

from api.accounts.models import Organisation, User
from api.commands.admin import admin
from api.database import connection
from tests.api.accounts.test_sign_in import log_in
from tests.api.conftest import PASSWORD, Caller


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


def test_what_is_so_already_is_told(admin: Caller, environment: dict[str, str]) -> None:
    assert organization(environment, "resume") == (1, "Error: Acme is not suspended.\n")
    organization(environment, "suspend")
    assert organization(environment, "suspend") == (1, "Error: Acme is suspended already.\n")


@pytest.mark.parametrize("deed", ["suspend", "resume"])
def test_no_organisation_of_nobodys_is_suspended(admin: Caller, environment: dict[str, str], deed: str) -> None:
    assert organization(environment, deed, "elsewhere") == (1, "Error: There is no organization elsewhere.\n")
