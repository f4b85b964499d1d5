"""Deleting objects."""

import pytest

from pulumi_entryguard.credential import CredentialProvider
from pulumi_entryguard.errors import ApiError, NoVerdict, UnusableInput
from tests.pulumi_entryguard.declared import credential, made
from tests.pulumi_entryguard.entryguard_standin import EntryGuard


def test_what_was_made_is_deleted(credentials: CredentialProvider, entryguard: EntryGuard) -> None:
    credentials.delete(*made(credentials, credential()))

    assert not entryguard.objects["credentials"]


def test_what_is_gone_is_deleted_already(credentials: CredentialProvider) -> None:
    credentials.delete("an-id", credential())


@pytest.mark.parametrize("answered", ["DELETE", "GET"])
def test_nothing_is_deleted_where_something_else_than_entryguard_answers(
    credentials: CredentialProvider, entryguard: EntryGuard, answered: str
) -> None:
    old, outs = made(credentials, credential(forceDelete=True))
    entryguard.in_use = True
    entryguard.misbehave(answered, status=404, body=b"<html>nginx</html>")

    with pytest.raises(ApiError, match=r"is the endpoint right\?"):
        credentials.delete(old, outs)


def test_what_is_in_use_is_not_deleted_and_the_way_is_told(
    credentials: CredentialProvider, entryguard: EntryGuard
) -> None:
    old, outs = made(credentials, credential())
    entryguard.in_use = True

    with pytest.raises(UnusableInput, match=r"CREDENTIAL_IN_USE: 2 sessions .*force_delete=True"):
        credentials.delete(old, outs)


def test_a_forced_delete_waits_until_the_last_rule_is_gone(
    credentials: CredentialProvider, entryguard: EntryGuard
) -> None:
    old, outs = made(credentials, credential(forceDelete=True, verificationTimeout=0.5))
    entryguard.in_use = True

    with pytest.raises(NoVerdict, match="still being deleted"):
        credentials.delete(old, outs)

    entryguard.release()
    credentials.delete(old, outs)
