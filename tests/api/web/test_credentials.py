"""The Credentials page, claim by claim, without a browser."""

import re
import uuid
from typing import Any

import pytest

from api.clouds import CLOUDS, Cloud
from api.credentials.models import Credential, CredentialSecret
from api.database import current_time, write
from api.web.credentials import secrets_of
from tests.api.conftest import Caller
from tests.api.published import CREATE_CREDENTIAL
from tests.api.web.conftest import Visitor, key_in, text_of
from tests.rows import make_resource, make_session

pytestmark = pytest.mark.engines("sqlite")

EVERY_CLOUD = pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS)
MARKUP = '<b onclick="x()">&\'name</b><script>'


def form_of(cloud: Cloud, **more: str) -> dict[str, str]:
    """What a person types for the published example of a cloud."""
    published = CREATE_CREDENTIAL[cloud.name]
    data = {f"credentialData.{name}": value for name, value in published["credentialData"].items()}
    return {
        "name": published["name"],
        "provider": cloud.name,
        "credentialType": published["credentialType"],
        **data,
        **more,
    }


AWS = form_of(CLOUDS["AWS"])
SECRETS = {"AWS": "secretAccessKey", "GCP": "private_key", "AZURE": "clientSecret", "APISIX": "apiKey"}


def only_credential() -> Credential:
    return Credential.select().get()


def decided(**columns: Any) -> Credential:
    """The only credential, with a verdict."""
    with write():
        verdict = {"is_valid": True, "seen_revision": Credential.wanted_revision, **columns}
        Credential.update(**verdict).execute()
    return only_credential()


def path_of(credential: Credential, rest: str = "") -> str:
    return f"/credentials/{credential.id}{rest}"


@pytest.mark.engines("sqlite", "postgresql")
@EVERY_CLOUD
def test_a_credential_of_every_cloud_is_added_with_the_fields_that_it_declares(ada: Visitor, cloud: Cloud) -> None:
    page = ada.get(f"/credentials/new?provider={cloud.name}")
    assert [field.name for field in cloud.fields if f'name="credentialData.{field.name}"' not in page.text] == []
    assert [field.label for field in cloud.fields if field.label not in text_of(page)] == []
    assert f'<option value="{cloud.credential_type}"' in page.text

    answer = ada.post("/credentials", form_of(cloud, formKey=key_in(page)))

    assert (answer.status_code, answer.location) == (303, "/credentials")
    shown = text_of(ada.get("/credentials"))
    assert f"{AWS['name'] if cloud.name == 'AWS' else CREATE_CREDENTIAL[cloud.name]['name']} {cloud.name}" in shown
    assert f"{cloud.credential_type} Unverified" in shown
    assert only_credential().due_at is not None, "its verification begins by itself"


def test_the_columns_are_those_of_the_published_page(ada: Visitor) -> None:
    ada.post("/credentials", AWS)

    headings = re.findall(r"<th [^>]*>([^<]+)</th>", ada.get("/credentials").text)

    assert headings == ["Name", "Provider", "Type", "Status", "Created", "Actions"]


def test_who_wants_to_create_credentials_by_a_program_is_led_to_the_api(ada: Visitor) -> None:
    ada.post("/credentials", AWS)

    assert '<a href="/api/v1/docs">the API</a>' in ada.get("/credentials").text


def test_where_nothing_is_the_page_says_what_it_is_for_and_what_to_do_first(ada: Visitor) -> None:
    shown = text_of(ada.get("/credentials"))

    assert "EntryGuard requires cloud provider credentials to manage IP rules on your behalf." in shown
    assert "Credentials are encrypted at rest using AES-256-GCM and are never exposed in API responses" in shown
    assert "Add Credential" in shown


@EVERY_CLOUD
def test_what_is_missing_is_said_beside_its_field_and_what_was_typed_stays(ada: Visitor, cloud: Cloud) -> None:
    typed = form_of(cloud)
    first = cloud.fields[0]
    left_out = {**typed, "name": "", f"credentialData.{first.name}": ""}

    answer = ada.post("/credentials", left_out)

    assert answer.status_code == 400
    kind = f"{cloud.name} {cloud.credential_type} credentials"
    assert "Name is required." in text_of(answer) and f"{first.label} is required for {kind}." in text_of(answer)
    assert f'aria-describedby="credentialData-{first.name}-error' in answer.text
    for field in cloud.fields[1:]:
        sent = typed.get(f"credentialData.{field.name}", "")
        stays = f'value="{sent}"' in answer.text
        assert stays is not field.secret or not sent
    assert not Credential.select().exists()


def test_no_secret_comes_back_into_any_page(ada: Visitor) -> None:
    secret = AWS["credentialData.secretAccessKey"]
    ada.post("/credentials", AWS)
    credential = decided(is_valid=False, verification_error="SignatureDoesNotMatch: Secret Access Key is incorrect")
    wrong = {**AWS, "name": ""}
    pages = [
        ada.post("/credentials", wrong),
        ada.post("/credentials/new", {**AWS, "provider": "AWS"}),
        ada.post(path_of(credential, "/secret"), {**AWS, "credentialData.accessKeyId": ""}),
        ada.get("/credentials"),
        *(ada.get(path_of(credential, rest)) for rest in ("", "/status", "/name", "/secret", "/delete")),
        ada.get(f"/credentials/news?id={credential.id}"),
    ]

    assert [page.request.path for page in pages if secret in page.text] == []
    assert {page.status_code for page in pages} == {200, 400}


def test_that_a_secret_is_to_be_typed_again_is_told(ada: Visitor) -> None:
    told = "Secrets are never sent back to a page: type them again."
    assert told not in text_of(ada.get("/credentials/new"))

    assert told in text_of(ada.post("/credentials", {**AWS, "name": ""}))
    ada.post("/credentials", AWS)
    assert told in text_of(ada.post(path_of(only_credential(), "/secret"), {**AWS, "credentialData.accessKeyId": ""}))


@EVERY_CLOUD
def test_what_never_comes_back_is_known_of_every_cloud(cloud: Cloud) -> None:
    assert secrets_of(cloud) == {f"credentialData.{SECRETS[cloud.name]}"}


def test_markup_in_a_name_is_text_on_every_page(ada: Visitor) -> None:
    ada.post("/credentials", {**AWS, "name": MARKUP})
    credential = only_credential()
    make_resource(credential, name=MARKUP)

    for path in ("/credentials", *(path_of(credential, rest) for rest in ("", "/name", "/secret", "/delete"))):
        page = ada.get(path)
        assert "<b onclick" not in page.text and "name</b>" not in page.text, path
        assert MARKUP in text_of(page) or path.endswith("/name"), path


def test_a_form_that_is_sent_twice_makes_one_credential(ada: Visitor) -> None:
    key = key_in(ada.get("/credentials/new"))

    answers = [ada.post("/credentials", {**AWS, "formKey": key}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert Credential.select().count() == 1


def test_a_form_that_is_corrected_is_taken_under_the_same_key(ada: Visitor) -> None:
    key = key_in(ada.get("/credentials/new"))
    wrong = ada.post("/credentials", {**AWS, "name": "", "formKey": key})

    assert key_in(wrong) == key
    assert ada.post("/credentials", {**AWS, "formKey": key}).status_code == 303


def test_a_form_that_was_sent_and_then_changed_says_so_and_can_be_sent_anew(ada: Visitor) -> None:
    key = key_in(ada.get("/credentials/new"))
    ada.post("/credentials", {**AWS, "formKey": key})

    answer = ada.post("/credentials", {**AWS, "name": "Another", "formKey": key})

    assert answer.status_code == 409 and key_in(answer) != key
    assert ada.post("/credentials", {**AWS, "name": "Another", "formKey": key_in(answer)}).status_code == 303
    assert Credential.select().count() == 2


@pytest.mark.parametrize(
    "form",
    [
        {**AWS, "credentialData": "x"},
        {**AWS, "credentialData.accessKeyId.x": "x"},
        {**AWS, "nonsense": "x"},
        {**AWS, "provider": "NOWHERE"},
        {**AWS, "provider": "GCP"},
        {**AWS, "name": "\0"},
        {**AWS, "name": "a\x1bb"},
        {**AWS, "name": "n" * 256},
        {**AWS, "formKey": "blank blank"},
        {"credentialData": ""},
        {".".join("x" * 40): "x"},
        {},
    ],
)
def test_no_form_crashes_the_server_or_makes_anything(ada: Visitor, form: dict[str, str]) -> None:
    answer = ada.post("/credentials", form)

    assert answer.status_code == 400 and 'role="alert"' in answer.text
    assert not Credential.select().exists()


def test_the_provider_can_be_changed_without_a_script(ada: Visitor) -> None:
    answer = ada.post("/credentials/new", {**AWS, "provider": "APISIX", "name": "Gateway"})

    assert 'name="credentialData.apiUrl"' in answer.text and 'value="Gateway"' in answer.text
    assert "accessKeyId" not in answer.text


@pytest.mark.parametrize(
    ("verdict", "badge"), [(True, "good"), (False, "bad"), (None, "")], ids=["Valid", "Invalid", "Unverified"]
)
def test_the_badge_tells_the_verdict_in_a_word_and_a_colour(ada: Visitor, verdict: bool | None, badge: str) -> None:
    ada.post("/credentials", AWS)
    credential = decided(is_valid=verdict)
    word = {True: "Valid", False: "Invalid", None: "Unverified"}[verdict]

    for path in ("/credentials", path_of(credential), f"/credentials/news?id={credential.id}"):
        page = ada.get(path).text
        found = re.search(r'<span class="badge ?(\w*)"><svg.*?</svg>(\w+)</span>', page)
        assert found and found.groups() == (badge, word)


def test_only_what_is_about_to_change_is_asked_about(ada: Visitor) -> None:
    ada.post("/credentials", AWS)
    credential = only_credential()
    assert f"/credentials/news?id={credential.id}" in ada.get("/credentials").text
    assert "hx-trigger" in ada.get(path_of(credential, "/status")).text

    decided()

    assert "hx-trigger" not in ada.get("/credentials").text
    assert "hx-trigger" not in ada.get(path_of(credential, "/status")).text
    news = ada.get(f"/credentials/news?id={credential.id}")
    assert "hx-trigger" not in news.text and f"{credential.name} is valid." in text_of(news)


def test_what_was_deleted_leaves_the_table_and_its_own_page(ada: Visitor) -> None:
    gone = uuid.uuid4()

    assert f'<tr id="row-{gone}" hx-swap-oob="delete">' in ada.get(f"/credentials/news?id={gone}").text
    assert ada.get(f"/credentials/{gone}/status").headers["HX-Redirect"] == "/credentials"
    assert ada.get("/credentials/news?id=nonsense").status_code == 200


def published_errors() -> list[tuple[str, str]]:
    return [
        ("AWS", "InvalidClientTokenId"),
        ("AWS", "SignatureDoesNotMatch"),
        ("AWS", "UnauthorizedOperation"),
        ("GCP", "invalid_grant"),
        ("GCP", "Permission denied"),
        ("AZURE", "InvalidAuthenticationToken"),
        ("AZURE", "AuthorizationFailed"),
    ]


@pytest.mark.parametrize(("provider", "code"), published_errors())
def test_for_every_published_error_the_page_says_why_and_what_to_do(ada: Visitor, provider: str, code: str) -> None:
    cloud = CLOUDS[provider]
    ada.post("/credentials", form_of(cloud))
    error = f"{code}: {cloud.hints[code]}"
    credential = decided(is_valid=False, verification_error=error, missing_permissions=["one:Permission"])

    shown = text_of(ada.get(path_of(credential)))

    assert error in shown and cloud.remedies[code] in shown and "one:Permission" in shown
    assert "Verify now" in shown and "Replace the secret" in shown


@EVERY_CLOUD
def test_every_remedy_is_for_an_error_that_the_cloud_declares(cloud: Cloud) -> None:
    assert set(cloud.remedies) <= set(cloud.hints)
    assert all(remedy.endswith(".") for remedy in cloud.remedies.values())


def test_an_error_without_a_remedy_still_says_what_to_do(ada: Visitor) -> None:
    ada.post("/credentials", AWS)
    credential = decided(is_valid=False, verification_error="SomethingNew: AWS refuses this")

    assert "Verification failed; check your credentials" in text_of(ada.get(path_of(credential)))


@EVERY_CLOUD
def test_the_least_privilege_is_there_to_copy(ada: Visitor, cloud: Cloud) -> None:
    ada.post("/credentials", form_of(cloud))
    credential = only_credential()

    page = ada.get(path_of(credential))

    assert all(permission in text_of(page) for permission in cloud.permissions)
    assert cloud.policy_use.split("`")[0] in text_of(page) and 'data-copy="policy"' in page.text
    assert "`" not in text_of(page), "a command is set as code"


def test_verify_now_asks_for_a_verdict(ada: Visitor) -> None:
    ada.post("/credentials", AWS)
    credential = decided()

    answer = ada.post(path_of(credential, "/verify"))

    assert (answer.status_code, answer.location) == (303, path_of(credential))
    assert only_credential().wanted_revision > only_credential().seen_revision
    assert "Being verified again" in text_of(ada.get(path_of(credential)))


def test_a_credential_gets_another_name(ada: Visitor) -> None:
    ada.post("/credentials", AWS)
    credential = only_credential()
    assert f'value="{AWS["name"]}"' in ada.get(path_of(credential, "/name")).text

    assert ada.post(path_of(credential, "/name"), {"name": "Staging"}).status_code == 303

    assert only_credential().name == "Staging"
    nothing = ada.post(path_of(credential, "/name"), {"name": ""})
    assert nothing.status_code == 400 and 'aria-invalid="true"' in nothing.text


def test_a_new_secret_waits_beside_the_old_one_once_however_often_it_is_sent(ada: Visitor) -> None:
    ada.post("/credentials", AWS)
    credential = decided()
    key = key_in(ada.get(path_of(credential, "/secret")))
    form = {"credentialData.accessKeyId": "AKIANEW", "credentialData.secretAccessKey": "new", "formKey": key}

    answers = [ada.post(path_of(credential, "/secret"), form) for _ in range(2)]

    assert [answer.location for answer in answers] == [path_of(credential)] * 2
    assert only_credential().secret_version == 2
    assert sorted(secret.state for secret in CredentialSecret.select()) == ["CANDIDATE", "CURRENT"]
    assert "A new secret is being verified." in text_of(ada.get(path_of(credential)))


def test_a_new_secret_that_was_turned_down_is_told_with_the_reason(ada: Visitor) -> None:
    ada.post("/credentials", AWS)
    credential = decided(candidate_status="REJECTED", candidate_error="SignatureDoesNotMatch: no")

    shown = text_of(ada.get(path_of(credential)))
    assert "The new secret was turned down: SignatureDoesNotMatch: no" in shown
    assert "version" not in shown, "of the one that serves; the newest was destroyed"


def test_the_warning_names_the_resources_and_the_active_sessions_that_go_with_it(ada: Visitor, admin: Caller) -> None:
    ada.post("/credentials", AWS)
    credential = decided(account="123456789012")
    resource = make_resource(credential, name="Production gateway", is_active=True, config={"port": 443})
    make_session(credential.organisation_id, resource, user_name="Uma Keller", ipv4_address="81.2.69.142")

    shown = text_of(ada.get(path_of(credential, "/delete")))

    assert "Deleting a credential also deletes all cloud resources associated with it." in shown
    assert "Production gateway" in shown and "Uma Keller, from 81.2.69.142, until" in shown
    assert "EntryGuard forgets them; what they name in the cloud stays there." in shown
    assert "End all that and delete" in shown


def test_nothing_is_ended_that_the_warning_did_not_name(ada: Visitor) -> None:
    ada.post("/credentials", AWS)
    credential = decided(account="123456789012")
    resource = make_resource(credential, name="Production gateway", is_active=True, config={"port": 443})
    assert "No active sessions depend on them." in text_of(ada.get(path_of(credential, "/delete")))
    make_session(credential.organisation_id, resource, user_name="Uma Keller")

    answer = ada.post(path_of(credential, "/delete"))

    assert answer.status_code == 400 and "Uma Keller" in text_of(answer)
    assert Credential.select().exists()
    ada.post(path_of(credential, "/delete"), {"force": "true"})
    assert not Credential.select().exists()


def test_what_waits_for_its_last_rule_is_shown_as_being_deleted(ada: Visitor) -> None:
    ada.post("/credentials", AWS)
    credential = decided(deleting_since=current_time(), verification_error="AccessDenied: no")

    for path in ("/credentials", path_of(credential)):
        assert "Being deleted" in text_of(ada.get(path))
    shown = ada.get(path_of(credential))
    assert "The cloud says: AccessDenied: no" in text_of(shown) and "Verify now" not in shown.text


def test_what_is_being_deleted_cannot_be_deleted_and_an_old_click_does_no_harm(ada: Visitor) -> None:
    ada.post("/credentials", AWS)
    assert f"Delete {AWS['name']}" in ada.get("/credentials").text
    credential = decided(deleting_since=current_time())

    answers = [ada.post(path_of(credential, "/delete"), form) for form in ({}, {"force": "true"})]

    assert [(answer.status_code, answer.location) for answer in answers] == [(303, "/credentials")] * 2
    assert f"Delete {AWS['name']}" not in ada.get("/credentials").text


def test_a_credential_is_deleted_and_a_second_click_does_no_harm(ada: Visitor) -> None:
    ada.post("/credentials", AWS)
    credential = only_credential()

    answers = [ada.post(path_of(credential, "/delete")) for _ in range(2)]

    assert [(answer.status_code, answer.location) for answer in answers] == [(303, "/credentials")] * 2
    assert not Credential.select().exists()


def every_request(credential: Credential) -> list[tuple[str, str]]:
    own = ("", "/status", "/name", "/secret", "/delete")
    return [
        *(("GET", path) for path in ("/credentials", "/credentials/new", f"/credentials/news?id={credential.id}")),
        *(("GET", path_of(credential, rest)) for rest in own),
        *(("POST", path) for path in ("/credentials", "/credentials/new")),
        *(("POST", path_of(credential, rest)) for rest in ("/verify", "/name", "/secret", "/delete")),
    ]


def test_who_administers_nothing_is_answered_as_if_nothing_were_there(ada: Visitor, uma: Visitor) -> None:
    ada.post("/credentials", AWS)
    before = only_credential()

    for method, path in every_request(before):
        answer = uma.get(path) if method == "GET" else uma.post(path, AWS)
        assert answer.status_code == 404 and before.name not in answer.text, (method, path)
    assert only_credential() == before


def test_another_organisations_credential_does_not_exist(ada: Visitor, eve: Visitor) -> None:
    ada.post("/credentials", AWS)
    credential = only_credential()

    for method, path in every_request(credential):
        answer = eve.get(path) if method == "GET" else eve.post(path, {"name": "Eve's"})
        assert credential.name not in answer.text, (method, path)
        if str(credential.id) in path and not path.endswith(("/status", f"?id={credential.id}")):
            assert answer.status_code == (303 if (method, path[-7:]) == ("POST", "/delete") else 404), (method, path)
    assert only_credential().name == AWS["name"] and only_credential().revision == credential.revision


def test_a_stranger_is_asked_to_sign_in_whatever_is_asked_for(ada: Visitor, stranger: Visitor) -> None:
    ada.post("/credentials", AWS)
    for method, path in every_request(only_credential()):
        answer = stranger.get(path) if method == "GET" else stranger.post(path, AWS)
        assert answer.status_code == 303 and answer.location.startswith("/sign-in"), (method, path)
    assert Credential.select().count() == 1


def test_every_page_is_sent_with_a_strict_policy_and_is_not_kept(ada: Visitor) -> None:
    ada.post("/credentials", AWS)
    for method, path in every_request(only_credential()):
        if method == "GET":
            answer = ada.get(path)
            policy = answer.headers["Content-Security-Policy"]
            assert (
                policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';") and "unsafe" not in policy
            )
            assert answer.headers["Cache-Control"] == "no-store"
            assert not re.search(r"<script(?! src=)|<style| style=| on\w+=|javascript:", answer.text), path
