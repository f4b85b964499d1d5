"""The Resources page, claim by claim, without a browser."""

import re
import uuid
from datetime import UTC, datetime
from typing import Any

import flask
import pytest

from api.accounts.models import Organisation
from api.clouds import CLOUDS, Cloud
from api.credentials.models import Credential, TargetListing
from api.database import current_time, write
from api.resources.models import Resource
from api.server import server_of
from tests.api.conftest import Caller
from tests.api.web.conftest import Visitor, key_in, text_of
from tests.rows import fresh, make_credential, make_resource, make_session

pytestmark = pytest.mark.engines("sqlite")

EVERY_CLOUD = pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS)
MARKUP = '<b onclick="x()">&\'name</b><script>'
GROUP = "sg-0abc123def456"


@pytest.fixture
def credential(admin: Caller) -> Credential:
    """A way into AWS that is valid."""
    return credential_of(admin, "AWS", name="AWS production")


def credential_of(caller: Caller, provider: str, **columns: Any) -> Credential:
    columns = {"credential_type": CLOUDS[provider].credential_type, "is_valid": True, "account": "1234", **columns}
    return make_credential(Organisation.get_by_id(caller.user.organisation_id), provider=provider, **columns)


def form_of(credential: Credential, **more: str) -> dict[str, str]:
    """What a person types for the example that the credential's cloud declares."""
    cloud = CLOUDS[credential.provider]
    kind = next(iter(cloud.resource_types.values()))
    form = {
        "name": "Production gateway",
        "credentialId": str(credential.id),
        "resourceType": kind.name,
        "resourceIdentifier": kind.identifier_example,
    }
    ports = {"config.ports": "443", "config.protocol": "tcp"} if kind.options else {}
    region = {"region": "eu-central-1"} if cloud.needs_region else {}
    return {**form, **ports, **region, **{name.replace("__", "."): text for name, text in more.items()}}


def only_resource() -> Resource:
    return Resource.select().get()


def seen(credential: Credential, **columns: Any) -> Resource:
    """A resource of the credential that a worker has seen, or will have been what `columns` make of it."""
    verdict = {"is_active": True, "verified_revision": 1, "name": "Production gateway", "config": {"port": 443}}
    return make_resource(credential, **{**verdict, **columns})


def path_of(resource: Resource, rest: str = "") -> str:
    return f"/resources/{resource.id}{rest}"


def static_rule_of(admin: Caller, resource: Resource, label: str) -> None:
    body = {"label": label, "ipAddress": "203.0.113.7", "resourceIds": [str(resource.id)]}
    assert admin.post("/static-ip-rules", json=body).status_code == 201


def listing_of(credential: Credential, *found: tuple[str, str, str], region: str = "eu-central-1") -> None:
    """What a worker has just seen through the credential: identifier, name, description."""
    kind = next(iter(CLOUDS[credential.provider].resource_types))
    columns = ("resource_identifier", "name", "description")
    targets = [{"resource_type": kind, "region": region, **dict(zip(columns, one, strict=True))} for one in found]
    with write():
        TargetListing.create(
            id=uuid.uuid4(),
            organisation_id=credential.organisation_id,
            credential_id=credential.id,
            region=region,
            targets=targets,
            listed_at=current_time(),
            seen_revision=1,
            wanted_revision=1,
        )


def filled(page: Any) -> dict[str, str]:
    """What a browser would send of the form on a page as it is."""
    fields = {}
    for tag in re.findall(r"<input [^>]+>", page.text):
        name, value = re.search(r' name="([^"]+)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and value:
            fields[name[1]] = value[1]
    for name, options in re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', page.text, re.DOTALL):
        values = re.findall(r'<option value="([^"]*)"( selected)?', options)
        fields[name] = next((value for value, is_chosen in values if is_chosen), values[0][0])
    return fields


def test_without_a_credential_the_page_says_to_add_one_first(ada: Visitor) -> None:
    page = ada.get("/resources")

    assert "Add a credential first" in text_of(page) and 'href="/credentials/new"' in page.text
    assert ada.get("/resources/new").location == "/resources"


def test_with_a_credential_the_page_says_what_a_resource_is_and_offers_to_add_one(
    ada: Visitor, credential: Credential
) -> None:
    page = ada.get("/resources")

    assert "Add your first resource" in text_of(page) and 'href="/resources/new"' in page.text


@pytest.mark.engines("sqlite", "postgresql")
@EVERY_CLOUD
def test_a_resource_of_every_cloud_is_added_with_the_fields_that_it_declares(
    ada: Visitor, admin: Caller, cloud: Cloud
) -> None:
    credential = credential_of(admin, cloud.name)
    kind = next(iter(cloud.resource_types.values()))
    page = ada.get("/resources/new")
    ports = ["ports"] if "port" in kind.options else []
    options = [name for name in kind.options if name not in ("port", "ports", "portRange")]
    assert sorted(re.findall(r' name="config\.(\w+)"', page.text)) == sorted(ports + options)
    assert (' name="region"' in page.text) is cloud.needs_region
    assert kind.label in text_of(page) and kind.identifier_example in text_of(page)

    answer = ada.post("/resources", form_of(credential, formKey=key_in(page)))

    assert (answer.status_code, answer.location) == (303, "/resources")
    resource = only_resource()
    assert (resource.provider, resource.resource_type) == (cloud.name, kind.name)
    assert resource.due_at is not None, "its verification begins by itself"
    shown = text_of(ada.get("/resources"))
    assert f"{kind.identifier_example} " in shown and "Unverified" in shown and credential.name in shown


def test_the_table_tells_of_each_resource_what_and_where_it_is_and_how_it_stands(
    ada: Visitor, credential: Credential
) -> None:
    seen(credential, resource_identifier=GROUP, config={"ports": [22, 80, 443], "protocol": "udp"})

    page = ada.get("/resources")

    headings = re.findall(r"<th [^>]*>([^<]+)</th>", page.text)
    assert headings == [
        *("Name", "Provider, type", "Identifier, region", "Ports", "Status", "Credential", "Actions"),
    ]
    words = f"Production gateway AWS Security group {GROUP} eu-central-1 22, 80 and 443 (UDP) Active AWS production"
    assert words in text_of(page)


TYPED: dict[str, list[tuple[dict[str, str], dict[str, Any], str]]] = {
    "AWS": [
        ({"ports": "443"}, {"port": 443, "protocol": "tcp"}, "443 (TCP)"),
        ({"ports": " 22,80 , 443 "}, {"ports": [22, 80, 443], "protocol": "tcp"}, "22, 80 and 443 (TCP)"),
        (
            {"ports": "8000 - 8100", "protocol": "udp"},
            {"portRange": {"from": 8000, "to": 8100}, "protocol": "udp"},
            "8000 to 8100 (UDP)",
        ),
        ({"ports": "", "protocol": "icmp"}, {"protocol": "icmp"}, "ICMP"),
        ({"ports": "", "protocol": "all"}, {"protocol": "all"}, "Every port and protocol"),
        ({"ports": ""}, {"protocol": "tcp"}, "No port yet"),
    ],
    "GCP": [
        (
            {"targetTags": "web, db", "priority": "900"},
            {"port": 443, "protocol": "tcp", "targetTags": ["web", "db"], "priority": 900},
            "443 (TCP), on what is tagged web or db",
        )
    ],
    "AZURE": [
        (
            {"priorityFrom": "200", "priorityTo": "300"},
            {"port": 443, "protocol": "tcp", "priorityFrom": 200, "priorityTo": 300},
            "443 (TCP)",
        )
    ],
    "APISIX": [({}, {}, "All of it")],
}


@pytest.mark.parametrize("provider", TYPED)
def test_what_is_typed_is_the_config_that_the_api_knows_and_is_shown_in_words(
    ada: Visitor, admin: Caller, provider: str
) -> None:
    credential = credential_of(admin, provider)

    for typed, config, words in TYPED[provider]:
        form = form_of(credential, **{f"config__{name}": text for name, text in typed.items()})
        assert ada.post("/resources", form).status_code == 303
        made = Resource.select().where(Resource.config == config).get()
        assert words in text_of(ada.get(path_of(made)))
        as_it_is = filled(ada.get(path_of(made, "/edit")))
        assert ada.post(path_of(made, "/edit"), as_it_is).status_code == 303
        assert (fresh(made).config, fresh(made).revision) == (config, 1), "to save what is there changes nothing"


WRONG: dict[str, list[tuple[dict[str, str], str, str]]] = {
    "AWS": [
        ({"name": ""}, "name", "Name is required."),
        ({"region": ""}, "region", "Region is required for AWS resources."),
        ({"resourceIdentifier": "web"}, "resourceIdentifier", "must be the id of a security group"),
        ({"config__ports": "http"}, "config-ports", "Each port must be a whole number from 1 to 65535."),
        ({"config__ports": "80, 70000"}, "config-ports", "Each port must be a whole number from 1 to 65535."),
        ({"config__ports": "90-80"}, "config-ports", "Ports must not end before it begins."),
        ({"config__ports": "80, 80"}, "config-ports", "Ports must be a list of 1 to 30 different ports."),
        ({"config__protocol": "icmp"}, "config-protocol", "It takes no port with the protocol icmp."),
        ({"maxSessionMinutes": "an hour"}, "maxSessionMinutes", "Not a valid integer."),
        ({"maxSessionMinutes": "1441"}, "maxSessionMinutes", "less than or equal to 1440"),
    ],
    "GCP": [
        ({"config__targetTags": "Web"}, "config-targetTags", "Each of them must be a network tag of GCP."),
        ({"config__priority": "urgent"}, "config-priority", "Priority must be a whole number from 0 to 65535."),
    ],
    "AZURE": [
        ({"config__priorityTo": "200"}, "config-priorityFrom", "must not have priorityFrom above priorityTo"),
    ],
}


@pytest.mark.parametrize("provider", WRONG)
def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(
    ada: Visitor, admin: Caller, provider: str
) -> None:
    credential = credential_of(admin, provider)

    for typed, field, told in WRONG[provider]:
        form = form_of(credential, **typed)
        answer = ada.post("/resources", form)
        assert answer.status_code == 400 and not Resource.select().exists()
        beside = re.search(rf'<p class="error" id="{field}-error">(.*?)</p>', answer.text, re.DOTALL)
        assert beside and told in beside[1]
        assert f'aria-describedby="{field}-error' in answer.text
        stays = filled(answer)
        assert {name: stays.get(name) for name in form} == form


def test_all_that_is_wrong_is_said_at_once(ada: Visitor, credential: Credential) -> None:
    wrong = {"name": "", "region": "", "resourceIdentifier": "web", "config__ports": "0", "maxSessionMinutes": "0"}

    answer = ada.post("/resources", form_of(credential, **wrong))

    marked = re.findall(r'<p class="error" id="([^"]+)-error">', answer.text)
    assert marked == ["name", "region", "resourceIdentifier", "config-ports", "maxSessionMinutes"]


def test_the_fields_follow_the_chosen_credential_and_what_was_typed_stays(
    ada: Visitor, admin: Caller, credential: Credential
) -> None:
    network = credential_of(admin, "GCP")

    answer = ada.post("/resources/new", {**form_of(credential), "credentialId": str(network.id)})

    assert 'name="config.targetTags"' in answer.text and 'name="region"' in answer.text
    assert filled(answer)["name"] == "Production gateway" and filled(answer)["resourceType"] == "FIREWALL"
    assert not Resource.select().exists()


def test_the_regions_of_aws_are_offered_and_another_one_may_be_typed(ada: Visitor, credential: Credential) -> None:
    page = ada.get("/resources/new")
    regions = re.findall(r'<option value="([^"]+)"></option>', page.text)

    assert {"us-east-1", "eu-central-1", "us-gov-west-1"} <= set(regions) and 'list="regions"' in page.text
    assert ada.post("/resources", form_of(credential, region="xx-new-1")).status_code == 303


def test_what_the_credential_can_see_is_offered_to_choose_from(ada: Visitor, credential: Credential) -> None:
    listing_of(credential, (GROUP, "web", "Public servers"), ("sg-0bbb123def456", MARKUP, ""))
    form = form_of(credential, resourceIdentifier="")

    page = ada.post("/resources/new", {**form, "look": "true"})

    offered = re.findall(r'<option value="(sg-[^"]+)"', page.text)
    assert offered == [GROUP, "sg-0bbb123def456"]
    shown = text_of(page)
    assert f"web, {GROUP}, Public servers" in shown and MARKUP in shown and "<b onclick" not in page.text
    assert "2 to choose from." in shown
    assert ada.post("/resources", {**filled(page), "resourceIdentifier": GROUP}).status_code == 303
    assert only_resource().resource_identifier == GROUP


def test_what_was_typed_or_chosen_before_stays_chosen(ada: Visitor, credential: Credential) -> None:
    listing_of(credential, ("sg-0bbb123def456", "db", ""), (GROUP, "web", ""))

    for typed in (GROUP, "sg-0ccc123def456"):
        page = ada.post("/resources/new", {**form_of(credential, resourceIdentifier=typed), "look": "true"})
        assert filled(page)["resourceIdentifier"] == typed
    instead = ada.post("/resources/new", form_of(credential))
    assert f'type="text" value="{GROUP}"' in instead.text


def test_to_look_without_a_region_says_so_beside_it(ada: Visitor, credential: Credential) -> None:
    page = ada.post("/resources/new", {**form_of(credential, region=""), "look": "true"})

    assert "Region is required for AWS credentials." in text_of(page)
    assert 'id="region-error"' in page.text


@pytest.mark.parametrize("region", ["\0", "r" * 65, "a\x1bb"])
def test_no_region_crashes_the_looking(ada: Visitor, credential: Credential, region: str) -> None:
    page = ada.post("/resources/new", {**form_of(credential, region=region), "look": "true"})

    assert page.status_code == 200 and not TargetListing.select().exists()


def test_while_the_cloud_has_not_answered_the_identifier_can_be_typed(
    ada: Visitor, credential: Credential, app: flask.Flask
) -> None:
    server_of(app).waiting_room.close()

    page = ada.post("/resources/new", {**form_of(credential), "look": "true"})

    assert page.status_code == 200
    assert "Amazon Web Services has not answered yet. Ask again in a few seconds, or type it instead." in text_of(page)
    assert f'type="text" value="{GROUP}"' in page.text


def test_why_the_cloud_shows_nothing_is_told(ada: Visitor, credential: Credential) -> None:
    listing_of(credential)
    nothing = ada.post("/resources/new", {**form_of(credential), "look": "true"})
    assert "The credential can see nothing here." in text_of(nothing)
    with write():
        TargetListing.update(targets=None, error="UnauthorizedOperation: missing ec2:Describe").execute()

    refused = ada.post("/resources/new", {**form_of(credential), "look": "true"})

    assert "does not show what there is: UnauthorizedOperation: missing ec2:Describe." in text_of(refused)


def test_a_form_that_is_sent_twice_makes_one_resource(ada: Visitor, credential: Credential) -> None:
    form = form_of(credential, formKey=key_in(ada.get("/resources/new")))

    answers = [ada.post("/resources", form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303] and Resource.select().count() == 1


def test_a_credential_that_is_gone_is_said_beside_its_field(ada: Visitor, credential: Credential, eve: Visitor) -> None:
    gone = {"credentialId": str(uuid.uuid4())}

    answer = ada.post("/resources", form_of(credential, **gone))

    assert answer.status_code == 400 and 'id="credentialId-error"' in answer.text
    assert "There is no such credential any more." in text_of(answer)
    assert eve.post("/resources", form_of(credential)).location == "/resources", "who has none is told to add one"
    assert not Resource.select().exists()


def test_the_free_tiers_limit_is_told(ada: Visitor, admin: Caller, credential: Credential) -> None:
    with write():
        Organisation.update(tier="FREE").where(Organisation.id == admin.user.organisation_id).execute()
    for _ in range(3):
        make_resource(credential)

    answer = ada.post("/resources", form_of(credential))

    assert answer.status_code == 400 and "maximum of 3 resources" in text_of(answer)
    assert filled(answer)["name"] == "Production gateway"


NONSENSE = (
    {"config": "x"},
    {"config__ports__x": "80"},
    {"config__portRange": "80-90"},
    {"config__nonsense": "x"},
    {"config__ports": "9" * 5000},
    {"config__ports": " ".join(str(port) for port in range(1, 40))},
    {"name": "\0"},
    {"name__x": "x"},
    {"nonsense": "x"},
    {"resourceType": "FIREWALL"},
    {"resourceIdentifier__x": "x"},
    {"region__x": "x"},
    {"maxSessionMinutes": "9" * 5000},
    {"formKey": "blank blank"},
)


def test_no_form_crashes_the_server_or_makes_anything(ada: Visitor, credential: Credential) -> None:
    for more in NONSENSE:
        form = {name: text for name, text in form_of(credential, **more).items() if f"{name}__x" not in more}
        answer = ada.post("/resources", form)
        assert answer.status_code == 400 and 'role="alert"' in answer.text, more
    assert not Resource.select().exists()


def test_no_form_crashes_the_server_or_changes_anything(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential)
    as_it_is = filled(ada.get(path_of(resource, "/edit")))
    for more in NONSENSE:
        typed = {name.replace("__", "."): text for name, text in more.items()}
        form = {name: text for name, text in {**as_it_is, **typed}.items() if f"{name}__x" not in more}
        answer = ada.post(path_of(resource, "/edit"), form)
        assert answer.status_code == 400 and 'role="alert"' in answer.text, more
    assert fresh(resource).revision == 1 and Resource.select().count() == 1


@pytest.mark.parametrize(
    ("columns", "badge", "word"),
    [
        ({}, "good", "Active"),
        ({"is_active": False, "verification_error": "InvalidGroup.NotFound: no"}, "bad", "Inactive"),
        ({"is_active": False, "verified_revision": None}, "", "Unverified"),
        ({"is_active": False, "revision": 2, "verification_error": "old"}, "", "Unverified"),
        ({"deleting_since": datetime.now(UTC)}, "warn", "Being deleted"),
    ],
)
def test_the_badge_tells_how_it_stands_in_words_and_a_colour(
    ada: Visitor, credential: Credential, columns: dict[str, Any], badge: str, word: str
) -> None:
    resource = seen(credential, **columns)

    for path in ("/resources", path_of(resource), path_of(resource, "/status"), f"/resources/news?id={resource.id}"):
        found = re.search(r'<span class="badge ?(\w*)"><svg.*?</svg>([\w ]+)</span>', ada.get(path).text)
        assert found and found.groups() == (badge, word), path


def test_why_it_is_inactive_and_what_to_do_stands_in_the_table_and_on_its_page(
    ada: Visitor, credential: Credential
) -> None:
    cloud = CLOUDS["AWS"]
    error = f"InvalidGroup.NotFound: {cloud.hints['InvalidGroup.NotFound']}"
    resource = seen(credential, is_active=False, verification_error=error, missing_permissions=["one:Permission"])

    for path in ("/resources", path_of(resource), f"/resources/news?id={resource.id}"):
        shown = text_of(ada.get(path))
        assert error in shown and cloud.remedies["InvalidGroup.NotFound"] in shown, path
    assert "one:Permission" in text_of(ada.get(path_of(resource)))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("credential is invalid: SignatureDoesNotMatch: no", "Look at its credential, which says what to do."),
        ("SomethingNew: AWS refuses this", "Mend what the cloud names, or edit the resource; then verify again."),
    ],
)
def test_there_is_always_something_to_do(ada: Visitor, credential: Credential, error: str, told: str) -> None:
    resource = seen(credential, is_active=False, verification_error=error)

    assert told in text_of(ada.get(path_of(resource))) and told in text_of(ada.get("/resources"))


def test_that_a_resource_without_ports_opens_nothing_is_told(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential, config=None)

    assert "Nobody can open it yet" in text_of(ada.get(path_of(resource)))


def test_only_what_is_about_to_change_is_asked_about(ada: Visitor, credential: Credential) -> None:
    ada.post("/resources", form_of(credential))
    resource = only_resource()
    assert f"/resources/news?id={resource.id}" in ada.get("/resources").text
    assert "hx-trigger" in ada.get(path_of(resource, "/status")).text
    with write():
        verdict = {"is_active": True, "verified_revision": 1, "seen_revision": Resource.wanted_revision}
        Resource.update(**verdict).execute()

    assert "hx-trigger" not in ada.get("/resources").text
    assert "hx-trigger" not in ada.get(path_of(resource, "/status")).text
    news = ada.get(f"/resources/news?id={resource.id}")
    assert "hx-trigger" not in news.text and "Production gateway is active." in text_of(news)


def test_what_was_deleted_leaves_the_table_and_its_own_page(ada: Visitor) -> None:
    gone = uuid.uuid4()

    assert f'<tr id="resource-{gone}" hx-swap-oob="delete">' in ada.get(f"/resources/news?id={gone}").text
    assert ada.get(f"/resources/{gone}/status").headers["HX-Redirect"] == "/resources"
    assert ada.get("/resources/news?id=nonsense").status_code == 200


def test_verify_now_asks_for_a_verdict(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential)

    answer = ada.post(path_of(resource, "/verify"))

    assert (answer.status_code, answer.location) == (303, path_of(resource))
    assert fresh(resource).wanted_revision > fresh(resource).seen_revision
    assert "Being verified again" in text_of(ada.get(path_of(resource)))


def edited(ada: Visitor, resource: Resource, **typed: str) -> Any:
    """The answer to the edit form, with some of it typed anew."""
    form = filled(ada.get(path_of(resource, "/edit")))
    return ada.post(path_of(resource, "/edit"), {**form, **{name.replace("__", "."): typed[name] for name in typed}})


def test_a_resource_is_edited_and_verified_again(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential, max_session_minutes=60)

    answer = edited(ada, resource, name="Staging", resourceIdentifier=GROUP, config__ports="22", maxSessionMinutes="")

    assert (answer.status_code, answer.location) == (303, path_of(resource))
    now = fresh(resource)
    assert (now.name, now.resource_identifier, now.max_session_minutes) == ("Staging", GROUP, None)
    assert now.config == {"port": 22, "protocol": "tcp"}
    assert now.due_at is not None and not now.is_active


def test_a_new_name_alone_ends_nobodys_session(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential)
    session = make_session(credential.organisation_id, resource)
    status = fresh(session).status

    assert edited(ada, resource, name="Another name").status_code == 303

    assert fresh(resource).name == "Another name" and fresh(resource).config == {"port": 443}
    assert fresh(session).status == status and fresh(session).ended_at is None


def test_what_the_form_has_no_field_for_stays(ada: Visitor, admin: Caller) -> None:
    resource = seen(credential_of(admin, "APISIX"), resource_type="GATEWAY_ROUTE", region=None, config=None)
    resource_type = fresh(resource).resource_type

    assert edited(ada, resource, resourceIdentifier="orders-api").status_code == 303

    now = fresh(resource)
    assert (now.resource_identifier, now.region, now.config, now.resource_type) == (
        "orders-api",
        None,
        None,
        resource_type,
    )


def test_an_edit_that_is_wrong_says_so_and_changes_nothing(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential)

    answer = edited(ada, resource, name="", resourceIdentifier="web", config__ports="0")

    assert answer.status_code == 400
    marked = re.findall(r'<p class="error" id="([^"]+)-error">', answer.text)
    assert marked == ["name", "resourceIdentifier", "config-ports"]
    assert filled(answer)["resourceIdentifier"] == "web" and fresh(resource).revision == 1


def test_an_edit_is_taken_once_and_not_over_somebody_elses(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential)
    form = filled(ada.get(path_of(resource, "/edit")))
    form["name"] = "Mine"
    assert [ada.post(path_of(resource, "/edit"), form).status_code for _ in range(2)] == [303, 303]
    assert fresh(resource).revision == 2

    late = ada.post(path_of(resource, "/edit"), {**form, "name": "Late", "formKey": str(uuid.uuid4())})

    assert late.status_code == 412 and "changed since you read it" in text_of(late)
    assert fresh(resource).name == "Mine" and filled(late)["name"] == "Late"
    assert ada.post(path_of(resource, "/edit"), filled(late)).status_code == 303
    assert fresh(resource).name == "Late"


def test_a_form_that_was_wrong_is_still_of_its_time(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential)
    form = filled(ada.get(path_of(resource, "/edit")))
    edited(ada, resource, name="Somebody else's")

    wrong = ada.post(path_of(resource, "/edit"), {**form, "name": ""})

    assert wrong.status_code == 400
    assert ada.post(path_of(resource, "/edit"), {**filled(wrong), "name": "Mine"}).status_code == 412
    assert fresh(resource).name == "Somebody else's"


def test_a_resource_moves_to_another_credential_of_its_provider_only(
    ada: Visitor, admin: Caller, credential: Credential
) -> None:
    resource = seen(credential)
    other, network = credential_of(admin, "AWS"), credential_of(admin, "GCP")
    assert str(network.id) not in ada.get(path_of(resource, "/edit")).text

    refused = edited(ada, resource, credentialId=str(network.id))

    assert refused.status_code == 400 and 'id="credentialId-error"' in refused.text
    assert edited(ada, resource, credentialId=str(other.id)).status_code == 303
    assert fresh(resource).credential_id == other.id


def test_the_edit_form_offers_what_the_credential_can_see(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential)
    listing_of(credential, (GROUP, "web", ""))
    form = filled(ada.get(path_of(resource, "/edit")))

    page = ada.post(path_of(resource, "/choices"), {**form, "name": "Typed", "look": "true"})

    assert f'<option value="{GROUP}"' in page.text
    assert filled(page)["name"] == "Typed" and filled(page)["resourceIdentifier"] == resource.resource_identifier


def test_the_warning_names_the_sessions_and_static_rules_that_go_with_it(
    ada: Visitor, admin: Caller, credential: Credential
) -> None:
    resource = seen(credential)
    make_session(credential.organisation_id, resource, user_name="Uma Keller", ipv4_address="81.2.69.142")
    static_rule_of(admin, resource, "Office")

    shown = text_of(ada.get(path_of(resource, "/delete")))

    assert "Uma Keller, from 81.2.69.142, until" in shown and "Office" in shown
    assert "what it names in the cloud stays there" in shown and "End all that and delete" in shown


def test_nothing_is_ended_that_the_warning_did_not_name(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential)
    assert "No active sessions depend on it." in text_of(ada.get(path_of(resource, "/delete")))
    make_session(credential.organisation_id, resource, user_name="Uma Keller")

    answer = ada.post(path_of(resource, "/delete"))

    assert answer.status_code == 400 and "Uma Keller" in text_of(answer) and 'name="force"' in answer.text
    assert Resource.select().exists()
    answers = [ada.post(path_of(resource, "/delete"), {"force": "true"}) for _ in range(2)]
    assert [(answer.status_code, answer.location) for answer in answers] == [(303, "/resources")] * 2


def test_a_resource_is_deleted_and_a_second_click_does_no_harm(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential)

    answers = [ada.post(path_of(resource, "/delete")) for _ in range(2)]

    assert [(answer.status_code, answer.location) for answer in answers] == [(303, "/resources")] * 2
    assert not Resource.select().exists()


def test_what_waits_for_its_last_rule_is_shown_as_being_deleted(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential, deleting_since=current_time(), verification_error="AccessDenied: no")

    shown = ada.get(path_of(resource))

    assert "The cloud says: AccessDenied: no" in text_of(shown) and "Verify now" not in shown.text
    assert "Edit Production gateway" not in ada.get("/resources").text
    late = edited(ada, resource, name="Late")
    assert late.status_code == 409 and "It takes no change" in text_of(late)


def test_markup_in_a_name_is_text_on_every_page(ada: Visitor, admin: Caller) -> None:
    credential = credential_of(admin, "AWS", name=MARKUP)
    resource = seen(credential, name=MARKUP, is_active=False, verification_error=f"Refused: {MARKUP}")
    static_rule_of(admin, resource, MARKUP)

    own = [path_of(resource, rest) for rest in ("", "/status", "/edit", "/delete")]
    for path in ("/resources", "/resources/new", f"/resources/news?id={resource.id}", *own):
        page = ada.get(path)
        assert "<b onclick" not in page.text and "name</b>" not in page.text, path
        assert MARKUP in text_of(page), path


def every_request(resource: Resource) -> list[tuple[str, str]]:
    own = ("", "/status", "/edit", "/delete")
    return [
        *(("GET", path) for path in ("/resources", "/resources/new", f"/resources/news?id={resource.id}")),
        *(("GET", path_of(resource, rest)) for rest in own),
        *(("POST", path) for path in ("/resources", "/resources/new")),
        *(("POST", path_of(resource, rest)) for rest in ("/verify", "/choices", "/edit", "/delete")),
    ]


def test_who_administers_nothing_is_answered_as_if_nothing_were_there(
    uma: Visitor, stranger: Visitor, credential: Credential
) -> None:
    before = seen(credential)

    for method, path in every_request(before):
        answers = [who.get(path) if method == "GET" else who.post(path, form_of(credential)) for who in (uma, stranger)]
        assert [answer.status_code for answer in answers] == [404, 303], (method, path)
        assert before.name not in answers[0].text and answers[1].location.startswith("/sign-in"), (method, path)
    assert fresh(before) == before and Resource.select().count() == 1


def test_another_organisations_resource_does_not_exist(eve: Visitor, credential: Credential) -> None:
    before = seen(credential)

    for method, path in every_request(before):
        answer = eve.get(path) if method == "GET" else eve.post(path, {**form_of(credential), "look": "true"})
        assert before.name not in answer.text and credential.name not in answer.text, (method, path)
        if str(before.id) in path and not path.endswith(("/status", f"?id={before.id}")):
            assert answer.status_code == (303 if (method, path[-7:]) == ("POST", "/delete") else 404), (method, path)
    assert fresh(before).revision == before.revision and Resource.select().count() == 1
