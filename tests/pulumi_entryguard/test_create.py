"""Making objects, and taking them over."""

import pytest

from pulumi_entryguard.credential import CredentialProvider
from pulumi_entryguard.errors import ApiError, UnusableInput
from pulumi_entryguard.failures import HalfMade
from pulumi_entryguard.resource import ResourceProvider
from tests.pulumi_entryguard.declared import credential, made, resource
from tests.pulumi_entryguard.entryguard_standin import (
    GOOD_SECRET,
    OTHER_GOOD_SECRET,
    SIGNATURE_ERROR,
    WRONG_SECRET,
    EntryGuard,
)


def test_a_created_credential_has_every_field_among_its_outputs(
    credentials: CredentialProvider, entryguard: EntryGuard
) -> None:
    _, outs = made(credentials, credential())

    shown = {name: value for name, value in entryguard.only("credentials").items() if value is not None}
    assert {name: outs.get(name) for name in shown} == shown | {"id": None}


def test_the_secret_is_not_among_the_outputs(credentials: CredentialProvider) -> None:
    _, outs = made(credentials, credential())

    assert GOOD_SECRET not in repr(outs)


def test_only_what_the_api_knows_is_sent(credentials: CredentialProvider, entryguard: EntryGuard) -> None:
    made(credentials, credential(verificationTimeout=5.0))

    assert set(entryguard.seen("POST")[0].body) == {"name", "provider", "credentialType", "credentialData"}


def test_a_port_is_sent_as_an_integer(resources: ResourceProvider, entryguard: EntryGuard) -> None:
    made(resources, resource())

    assert repr(entryguard.seen("POST")[0].body["config"]["port"]) == "443"


def test_a_create_waits_for_the_verdict(credentials: CredentialProvider, entryguard: EntryGuard) -> None:
    entryguard.verdict_seconds = 0.5

    assert made(credentials, credential())[1]["isValid"] is True


def test_a_create_that_need_not_be_valid_does_not_wait(credentials: CredentialProvider, entryguard: EntryGuard) -> None:
    _, outs = made(credentials, credential(WRONG_SECRET, requireValid=False))

    assert "isValid" not in outs
    assert not entryguard.seen("GET")


def test_a_bad_verdict_has_the_words_of_the_cloud(credentials: CredentialProvider) -> None:
    with pytest.raises(HalfMade) as failed:
        credentials.create(credential(WRONG_SECRET))

    assert str(failed.value) == f'credential "AWS prod" is invalid: {SIGNATURE_ERROR}'


def test_what_is_half_made_has_what_pulumi_needs_to_keep_it(credentials: CredentialProvider) -> None:
    with pytest.raises(HalfMade) as failed:
        credentials.create(credential(WRONG_SECRET))

    assert failed.value.object_id
    assert failed.value.outputs["__provider"] == "p"
    assert failed.value.outputs["isValid"] is False


def test_a_half_made_object_is_deleted_where_pulumi_can_not_be_told(
    credentials: CredentialProvider, entryguard: EntryGuard
) -> None:
    with pytest.raises(HalfMade):
        credentials.create(credential(WRONG_SECRET))

    assert not entryguard.objects["credentials"]


def test_a_resource_that_is_not_there_has_the_words_of_the_cloud(resources: ResourceProvider) -> None:
    with pytest.raises(HalfMade, match=r'resource "web" is not active: InvalidGroup\.NotFound'):
        resources.create(resource(resourceIdentifier="sg-missing"))


def test_no_verdict_in_time_is_said(credentials: CredentialProvider, entryguard: EntryGuard) -> None:
    entryguard.verdict_seconds = 60

    with pytest.raises(HalfMade, match=r'no verdict on credential "AWS prod" in 0\.5 s'):
        credentials.create(credential(verificationTimeout=0.5))


def test_an_api_that_refuses_while_waiting_leaves_the_object_half_made(
    credentials: CredentialProvider, entryguard: EntryGuard
) -> None:
    entryguard.misbehave("GET", status=409)

    with pytest.raises(HalfMade, match="CONFLICT: Not now"):
        credentials.create(credential())


def test_an_api_that_quotes_a_secret_is_masked(credentials: CredentialProvider, entryguard: EntryGuard) -> None:
    said = {"error": "VALIDATION_ERROR", "message": f"{GOOD_SECRET} is odd", "details": {"x": [GOOD_SECRET]}}
    entryguard.misbehave("POST", status=409, body=said)

    with pytest.raises(ApiError) as refused:
        credentials.create(credential())

    assert str(refused.value) == "VALIDATION_ERROR: [secret] is odd (x: [secret])"


def test_a_secret_from_the_environment_is_read_late(
    credentials: CredentialProvider, entryguard: EntryGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SK", GOOD_SECRET)
    inputs = credential(credentialData=None, credentialDataEnv={"secretAccessKey": "SK"})

    new, outs = made(credentials, inputs)

    assert entryguard.secrets[new] == {"secretAccessKey": GOOD_SECRET}
    assert "credentialDataDigest" not in outs


def test_an_object_can_be_adopted(credentials: CredentialProvider, entryguard: EntryGuard) -> None:
    old, _ = made(credentials, credential(name="by hand"))

    new, outs = made(credentials, credential(OTHER_GOOD_SECRET, adoptId=old))

    assert new == old
    assert (outs["name"], outs["isValid"]) == ("AWS prod", True)
    assert entryguard.secrets[old]["secretAccessKey"] == OTHER_GOOD_SECRET
    assert len(entryguard.seen("POST")) == 1


def test_an_object_of_another_kind_can_not_be_adopted(credentials: CredentialProvider) -> None:
    old, _ = made(credentials, credential())

    with pytest.raises(UnusableInput, match="can't be adopted: its provider is AWS, the program says GCP"):
        credentials.create(credential(adoptId=old, provider="GCP"))


def test_an_adopted_credential_needs_no_secret(credentials: CredentialProvider, entryguard: EntryGuard) -> None:
    entryguard.verdict_seconds = 60
    old, _ = made(credentials, credential(requireValid=False))

    _, outs = made(credentials, credential(credentialData=None, adoptId=old))

    assert outs["isValid"] is True
    assert entryguard.seen("POST", "/verify?wait=true")


def test_the_argument_can_be_taken_out_after_an_adoption(credentials: CredentialProvider) -> None:
    old, _ = made(credentials, credential())
    _, outs = made(credentials, credential(adoptId=old))

    assert not credentials.diff(old, outs, credential()).changes
