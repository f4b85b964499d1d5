"""What is an update and what a new object."""

import pytest
from pulumi.runtime.rpc import UNKNOWN

from pulumi_entryguard.credential import CredentialProvider
from pulumi_entryguard.resource import ResourceProvider
from tests.pulumi_entryguard.declared import Properties, credential, made, resource
from tests.pulumi_entryguard.entryguard_standin import OTHER_GOOD_SECRET


@pytest.mark.parametrize(
    ("news", "replaces"),
    [
        (credential(), None),
        (credential(name="new"), []),
        (credential(OTHER_GOOD_SECRET), []),
        (credential(forceDelete=True), []),
        (credential(provider="GCP"), ["provider"]),
        (credential(credentialType="ROLE"), ["credentialType"]),
        (credential(provider=UNKNOWN), ["provider"]),
        (credential(__provider="of another version of Python"), None),
    ],
)
def test_a_credential_changes_or_is_replaced(
    credentials: CredentialProvider, news: Properties, replaces: list[str] | None
) -> None:
    _, outs = made(credentials, credential())

    result = credentials.diff("id", outs, news)

    assert (result.changes, result.replaces) == (replaces is not None, replaces or [])


@pytest.mark.parametrize(
    ("news", "replaces"),
    [
        (resource(), None),
        (resource(credentialId=UNKNOWN), []),
        (resource(credentialId="another"), []),
        (resource(config={"port": 22}), []),
        (resource(config=None), []),
        (resource(resourceIdentifier="sg-db"), []),
        (resource(resourceType="FIREWALL"), ["resourceType"]),
        (resource(provider="GCP"), ["provider"]),
    ],
)
def test_a_resource_changes_or_is_replaced(
    resources: ResourceProvider, news: Properties, replaces: list[str] | None
) -> None:
    _, outs = made(resources, resource())

    result = resources.diff("id", outs, news)

    assert (result.changes, result.replaces) == (replaces is not None, replaces or [])


def test_a_resource_without_a_config_does_not_change(resources: ResourceProvider) -> None:
    _, outs = made(resources, resource(config=None))

    assert not resources.diff("id", outs, resource(config=None)).changes
