"""Adding a resource, claim by claim, without a browser."""

import re
import uuid
from typing import Any

import flask
import pytest

from api.accounts.models import Organisation
from api.clouds import Cloud
from api.credentials.models import Credential, TargetListing
from api.database import write
from api.resources.models import Resource
from api.server import server_of
from tests.api.conftest import Caller
from tests.api.web.conftest import Visitor, key_in, text_of
from tests.api.web.resource_forms import (
    EVERY_CLOUD,
    GROUP,
    MARKUP,
    NONSENSE,
    credential_of,
    filled,
    form_of,
    listing_of,
    only_resource,
    path_of,
)
from tests.rows import fresh, make_resource

pytestmark = pytest.mark.engines("sqlite")


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
    page = ada.get("/resources")
    shown = text_of(page)
    assert "Unverified" in shown and credential.name in shown
    # A path of Azure's would take ten lines of the table: it has the end, and all of it where the mouse rests.
    assert f"{kind.identifier_example.rpartition('/')[2]} " in shown and kind.identifier_example in page.text
    assert kind.identifier_example in text_of(ada.get(path_of(resource)))


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


def test_no_form_crashes_the_server_or_makes_anything(ada: Visitor, credential: Credential) -> None:
    for more in NONSENSE:
        form = {name: text for name, text in form_of(credential, **more).items() if f"{name}__x" not in more}
        answer = ada.post("/resources", form)
        assert answer.status_code == 400 and 'role="alert"' in answer.text, more
    assert not Resource.select().exists()
