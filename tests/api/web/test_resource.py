"""One resource: verifying, editing and deleting it, claim by claim, without a browser."""

import re
import uuid
from typing import Any

import pytest

from api.credentials.models import Credential
from api.database import current_time
from api.resources.models import Resource
from tests.api.conftest import Caller
from tests.api.web.conftest import Visitor, text_of
from tests.api.web.resource_forms import (
    GROUP,
    NONSENSE,
    credential_of,
    filled,
    listing_of,
    path_of,
    seen,
    static_rule_of,
)
from tests.rows import fresh, make_session

pytestmark = pytest.mark.engines("sqlite")


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
    assert "Edit it" not in shown.text, "nothing is to be done about it any more"
    table = ada.get("/resources").text
    assert "Edit Production gateway" not in table and "Verify Production gateway" not in table
    late = edited(ada, resource, name="Late")
    assert late.status_code == 409 and "It takes no change" in text_of(late)


def test_no_form_crashes_the_server_or_changes_anything(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential)
    as_it_is = filled(ada.get(path_of(resource, "/edit")))
    for more in NONSENSE:
        typed = {name.replace("__", "."): text for name, text in more.items()}
        form = {name: text for name, text in {**as_it_is, **typed}.items() if f"{name}__x" not in more}
        answer = ada.post(path_of(resource, "/edit"), form)
        assert answer.status_code == 400 and 'role="alert"' in answer.text, more
    assert fresh(resource).revision == 1 and Resource.select().count() == 1
