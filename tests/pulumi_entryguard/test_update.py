"""Changing objects."""

import time

import pytest

from pulumi_entryguard.credential import CredentialProvider
from pulumi_entryguard.errors import NotFound, UnusableInput
from pulumi_entryguard.failures import HalfMade
from pulumi_entryguard.resource import ResourceProvider
from tests.pulumi_entryguard.declared import credential, made, resource
from tests.pulumi_entryguard.entryguard_standin import GOOD_SECRET, OTHER_GOOD_SECRET, WRONG_SECRET, EntryGuard


def test_only_what_changed_is_sent(credentials: CredentialProvider, entryguard: EntryGuard) -> None:
    old, outs = made(credentials, credential())

    credentials.update(old, outs, credential(name="new"))

    assert entryguard.seen("PATCH")[0].body == {"name": "new"}


def test_what_only_pulumi_knows_is_not_sent(credentials: CredentialProvider, entryguard: EntryGuard) -> None:
    old, outs = made(credentials, credential())

    changed = credentials.update(old, outs, credential(forceDelete=True)).outs or {}

    assert changed["forceDelete"] is True
    assert not entryguard.seen("PATCH")


def test_an_update_keeps_every_output(credentials: CredentialProvider) -> None:
    old, outs = made(credentials, credential())

    changed = credentials.update(old, outs, credential(name="new")).outs or {}

    assert changed.keys() == outs.keys()


def test_a_config_that_was_taken_out_is_cleared(resources: ResourceProvider, entryguard: EntryGuard) -> None:
    old, outs = made(resources, resource())

    resources.update(old, outs, resource(config=None))

    assert entryguard.seen("PATCH")[0].body == {"config": None}


def test_a_rotated_secret_is_verified(credentials: CredentialProvider) -> None:
    old, outs = made(credentials, credential())

    changed = credentials.update(old, outs, credential(OTHER_GOOD_SECRET)).outs or {}

    assert (changed["secretVersion"], changed["verifiedSecretVersion"], changed["writtenSecretVersion"]) == (2, 2, 2)


def test_a_refused_rotation_has_the_words_of_the_cloud(credentials: CredentialProvider) -> None:
    old, outs = made(credentials, credential())

    with pytest.raises(HalfMade, match=r"the new secret of credential .* was refused: SignatureDoesNotMatch"):
        credentials.update(old, outs, credential(WRONG_SECRET))


@pytest.mark.parametrize("secret", [GOOD_SECRET, OTHER_GOOD_SECRET])
def test_a_refused_rotation_is_mended_by_a_good_secret(credentials: CredentialProvider, secret: str) -> None:
    old, outs = made(credentials, credential())
    with pytest.raises(HalfMade) as refused:
        credentials.update(old, outs, credential(WRONG_SECRET))

    assert credentials.diff(old, dict(refused.value.outputs), credential(secret)).changes
    mended = credentials.update(old, dict(refused.value.outputs), credential(secret)).outs or {}
    assert "pendingUpdate" not in mended


def test_the_same_secret_is_verified_again_where_it_was_refused(
    credentials: CredentialProvider, entryguard: EntryGuard
) -> None:
    old, outs = made(credentials, credential(WRONG_SECRET, requireValid=False))
    time.sleep(0.1)

    with pytest.raises(HalfMade, match="SignatureDoesNotMatch"):
        credentials.update(old, outs, credential(WRONG_SECRET))

    assert entryguard.seen("PATCH")[0].body.keys() == {"credentialData"}


def test_an_inactive_resource_is_verified_again(resources: ResourceProvider, entryguard: EntryGuard) -> None:
    old, outs = made(resources, resource(resourceIdentifier="sg-missing", requireValid=False))
    time.sleep(0.1)
    inputs = resource(resourceIdentifier="sg-missing")

    with pytest.raises(HalfMade, match=r"InvalidGroup\.NotFound"):
        resources.update(old, outs, inputs)

    assert entryguard.seen("POST", "/verify")


def test_an_update_of_what_is_gone_says_what_to_do(credentials: CredentialProvider) -> None:
    with pytest.raises(UnusableInput, match="deleted outside of Pulumi; run `pulumi up --refresh`"):
        credentials.update("an-id", credential(), credential(name="new"))


def test_a_credential_that_is_not_there_is_not_taken_for_the_resource(
    resources: ResourceProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, outs = made(resources, resource())

    def answer(*_: object) -> object:
        raise NotFound(404, "CREDENTIAL_NOT_FOUND", "Credential with ID another not found")

    monkeypatch.setattr(resources, "ask", answer)

    with pytest.raises(NotFound, match=r"^CREDENTIAL_NOT_FOUND: Credential with ID another not found$"):
        resources.update(old, outs, resource(credentialId="another"))
