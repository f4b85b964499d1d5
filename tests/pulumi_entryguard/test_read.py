"""Refreshing."""

import pytest

from pulumi_entryguard.credential import CredentialProvider
from pulumi_entryguard.errors import ApiError
from pulumi_entryguard.failures import HalfMade
from tests.pulumi_entryguard.declared import credential, made
from tests.pulumi_entryguard.entryguard_standin import EntryGuard


def test_what_is_gone_is_read_as_gone(credentials: CredentialProvider) -> None:
    result = credentials.read("an-id", credential())

    assert (result.id, result.outs) == ("", {})


def test_nothing_is_read_as_gone_where_the_endpoint_is_wrong(
    credentials: CredentialProvider, entryguard: EntryGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, outs = made(credentials, credential())
    monkeypatch.setenv("ENTRYGUARD_ENDPOINT", f"{entryguard.url}/tools")

    with pytest.raises(ApiError, match=r"Is the endpoint right\?"):
        credentials.read(old, outs)


def test_a_drift_shows_in_the_inputs_and_the_secret_does_not(
    credentials: CredentialProvider, entryguard: EntryGuard
) -> None:
    old, outs = made(credentials, credential())
    entryguard.only("credentials")["name"] = "DRIFTED"

    result = credentials.read(old, outs)

    assert result.inputs is not None
    assert result.inputs["name"] == "DRIFTED"
    assert not [name for name in result.inputs if name.startswith("credentialData")]


def test_a_secret_that_somebody_else_changed_is_written_again(
    credentials: CredentialProvider, entryguard: EntryGuard
) -> None:
    old, outs = made(credentials, credential())
    entryguard.only("credentials").update(secretVersion=7, verifiedSecretVersion=7)
    seen = credentials.read(old, outs).outs or {}

    assert credentials.diff(old, seen, credential()).changes
    outs = credentials.update(old, seen, credential()).outs or {}
    assert entryguard.seen("PATCH")[0].body.keys() == {"credentialData"}
    assert not credentials.diff(old, outs, credential()).changes


def test_two_refreshes_in_a_row_find_nothing_new(credentials: CredentialProvider) -> None:
    old, outs = made(credentials, credential())
    first = credentials.read(old, outs)
    second = credentials.read(old, first.outs or {})

    assert not credentials.diff(old, second.outs or {}, first.inputs or {}).changes


def test_a_credential_that_turned_invalid_is_told_by_a_refresh(
    credentials: CredentialProvider, entryguard: EntryGuard
) -> None:
    old, outs = made(credentials, credential())
    entryguard.only("credentials").update(isValid=False, verificationError="InvalidClientTokenId: gone")

    with pytest.raises(HalfMade, match="InvalidClientTokenId") as told:
        credentials.read(old, outs)

    assert told.value.inputs is not None
    assert told.value.inputs["__provider"] == "p"
