"""/organization, and POST /auth/register that makes one."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from api.accounts import service as accounts
from api.accounts.models import Organisation
from api.actor import Actor
from api.audit_log.models import AuditEntry
from api.credentials.models import Credential
from api.database import now
from api.due import Turn
from tests.api.accounts.conftest import Hire
from tests.api.conftest import BASE, PASSWORD, Caller
from tests.rows import make_credential, make_resource

REGISTRATION = {"organizationName": "Löwe & Söhne", "email": "leo@example.com", "name": "Leo", "password": PASSWORD}


@pytest.fixture
def open_registration(environment: dict[str, str]) -> None:
    environment["ENTRYGUARD_OPEN_REGISTRATION"] = "on"


@pytest.fixture
def free_tier(environment: dict[str, str]) -> None:
    environment["ENTRYGUARD_DEFAULT_TIER"] = "FREE"


def register(client: FlaskClient, **change: Any) -> Any:
    return client.post(f"{BASE}/auth/register", json={**REGISTRATION, **change})


def test_the_organisation_is_shown_with_limits_and_usage(admin: Caller) -> None:
    organisation = Organisation.get_by_id(admin.user.organisation_id)
    credential = make_credential(organisation)
    make_resource(credential)
    make_resource(credential)

    answer = admin.get("/organization")

    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"1"'
    assert (answer.json["name"], answer.json["slug"], answer.json["tier"]) == ("Acme", "acme", "PAID")
    assert answer.json["limits"] == {"resources": None, "sessionMinutes": 1440, "sessionsPerUser": 5}
    assert answer.json["usage"] == {"users": 1, "apiKeys": 0, "credentials": 1, "resources": 2}


def test_everybody_is_shown_their_own(admin: Caller, outsider: Caller) -> None:
    assert [caller.get("/organization").json["name"] for caller in (admin, outsider)] == ["Acme", "Other"]


def test_what_is_being_deleted_is_not_counted(admin: Caller) -> None:
    make_credential(Organisation.get_by_id(admin.user.organisation_id))
    Credential.update(deleting_since=now()).execute()

    assert admin.get("/organization").json["usage"]["credentials"] == 0


def test_an_organisation_is_renamed(admin: Caller) -> None:
    answer = admin.patch("/organization", {"name": "Acme Ltd"})

    assert answer.status_code == 200
    assert (answer.json["name"], answer.json["slug"], answer.json["revision"]) == ("Acme Ltd", "acme", 2)
    assert AuditEntry.select().order_by(AuditEntry.position.desc()).first().details == {"changed": ["name"]}


def test_the_widest_networks_of_sessions_are_changed(admin: Caller) -> None:
    before = admin.get("/organization").json
    assert (before["widestIpv4Prefix"], before["widestIpv6Prefix"]) == (32, 128)

    answer = admin.patch("/organization", {"widestIpv4Prefix": 24, "widestIpv6Prefix": 64})

    assert (answer.json["widestIpv4Prefix"], answer.json["widestIpv6Prefix"], answer.json["revision"]) == (24, 64, 2)
    assert (answer.json["name"], admin.get("/organization").json) == ("Acme", answer.json)
    details = AuditEntry.select().order_by(AuditEntry.position.desc()).first().details
    assert details == {"changed": ["widestIpv4Prefix", "widestIpv6Prefix"]}
    assert admin.patch("/organization", {"widestIpv4Prefix": 24}).json["revision"] == 2, "nothing was changed"


@pytest.mark.parametrize(
    "body",
    [
        *({"name": ""}, {"name": None}, {"tier": "PAID"}, {"slug": "x"}, {"limits": {}}, []),
        *({"widestIpv4Prefix": 23}, {"widestIpv4Prefix": 33}, {"widestIpv6Prefix": 47}, {"widestIpv6Prefix": 129}),
        *({"widestIpv4Prefix": "24"}, {"widestIpv4Prefix": True}),
    ],
)
def test_a_malformed_change_is_refused(admin: Caller, body: Any) -> None:
    assert admin.patch("/organization", body).status_code == 400


def test_a_stale_change_is_refused(admin: Caller) -> None:
    admin.patch("/organization", {"name": "Acme Ltd"})

    answer = admin.patch("/organization", {"name": "Acme Inc"}, headers={"If-Match": '"1"'})

    assert answer.status_code == 412
    assert answer.json["error"] == "PRECONDITION_FAILED"


def test_a_user_may_not_see_or_change_the_organisation(hire: Hire) -> None:
    bo = hire()

    assert bo.get("/organization").status_code == 403
    assert bo.patch("/organization", {"name": "Bo's"}).status_code == 403


def test_a_stranger_may_nothing(client: FlaskClient, db: str) -> None:
    assert client.get(f"{BASE}/organization").status_code == 401
    assert client.patch(f"{BASE}/organization", json={}).status_code == 401


def test_a_suspended_organisation_is_out_at_once(admin: Caller, outsider: Caller) -> None:
    Organisation.update(suspended_at=now()).where(Organisation.id == admin.user.organisation_id).execute()

    assert admin.get("/auth/me").status_code == 401
    assert outsider.get("/auth/me").status_code == 200


def test_registration_is_closed_unless_the_operator_opens_it(client: FlaskClient, db: str) -> None:
    for body in (REGISTRATION, {}):
        answer: Any = client.post(f"{BASE}/auth/register", json=body)
        assert answer.status_code == 403
        assert answer.json["error"] == "FORBIDDEN"
    assert not Organisation.select().exists()


def test_registering_makes_an_organisation_and_signs_in(
    open_registration: None, free_tier: None, client: FlaskClient
) -> None:
    answer = register(client)

    assert answer.status_code == 201
    assert set(answer.json) == {"accessToken", "refreshToken", "tokenType", "expiresIn", "user"}
    assert answer.json["user"]["role"] == "ORG_ADMIN"
    headers = {"Authorization": f"Bearer {answer.json['accessToken']}"}
    organisation: Any = client.get(f"{BASE}/organization", headers=headers).json
    assert (organisation["name"], organisation["slug"]) == ("Löwe & Söhne", "lowe-sohne")
    assert organisation["limits"] == {"resources": 3, "sessionMinutes": 120, "sessionsPerUser": 1}
    events = [event.event_type for event in AuditEntry.select().order_by(AuditEntry.position)]
    assert events == ["ORGANIZATION_UPDATE", "USER_CREATE", "USER_LOGIN"]


def test_two_organisations_of_one_name_have_two_slugs(open_registration: None, client: FlaskClient) -> None:
    register(client)
    register(client)

    slugs = [organisation.slug for organisation in Organisation.select()]
    assert len(set(slugs)) == 2
    assert all(slug.startswith("lowe-sohne") for slug in slugs)


@pytest.mark.parametrize("change", [{"password": "short"}, {"organizationName": ""}, {"email": "x"}, {"tier": "PAID"}])
def test_a_malformed_registration_is_refused(
    open_registration: None, client: FlaskClient, change: dict[str, Any]
) -> None:
    assert register(client, **change).status_code == 400
    assert not Organisation.select().exists()


@pytest.mark.parametrize(
    ("name", "slug"), [("Acme Ltd.", "acme-ltd"), ("東京", "organization"), ("--", "organization")]
)
def test_a_slug_is_made_of_the_name(db: str, name: str, slug: str) -> None:
    assert accounts.create_organisation(Actor.system(None), name, "PAID").slug == slug


def test_a_new_organisation_has_its_turn(db: str) -> None:
    organisation = accounts.create_organisation(Actor.system(None), "Acme", "PAID")

    assert Turn.select().where(Turn.organisation_id == organisation.id).exists()
