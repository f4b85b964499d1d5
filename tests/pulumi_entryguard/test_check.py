"""What the provider says about inputs without asking anybody."""

import pytest
from pulumi.runtime.rpc import UNKNOWN

from pulumi_entryguard.credential import CredentialProvider
from pulumi_entryguard.provider import EntryGuardProvider
from pulumi_entryguard.resource import ResourceProvider
from tests.pulumi_entryguard.declared import Properties, credential, resource


def failing(provider: EntryGuardProvider, props: Properties) -> list[str]:
    return [failure.property for failure in provider.check({}, props).failures]


def test_good_inputs_pass_the_check(credentials: CredentialProvider, resources: ResourceProvider) -> None:
    assert not failing(credentials, credential()) + failing(resources, resource())


def test_a_check_makes_whole_numbers_whole(resources: ResourceProvider) -> None:
    assert repr(resources.check({}, resource()).inputs["config"]) == "{'port': 443}"


def test_a_check_makes_of_texts_what_the_api_keeps_of_them(
    credentials: CredentialProvider, resources: ResourceProvider
) -> None:
    typed = resource(name=" Cafe\u0301 ", resourceIdentifier="sg-web\n", region="eu-central-1\t", credentialId="7C9E")

    assert credentials.check({}, credential(name="AWS prod\n")).inputs == credential()
    kept = resources.check({}, typed).inputs
    assert (kept["name"], kept["resourceIdentifier"]) == ("Caf\u00e9", "sg-web")
    assert (kept["region"], kept["credentialId"]) == ("eu-central-1", "7c9e")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (resource(name=None), "name"),
        (resource(name=5), "name"),
        (resource(config="443"), "config"),
        (resource(maxSessionMinutes=True), "maxSessionMinutes"),
        (resource(requireValid="yes"), "requireValid"),
    ],
)
def test_a_wrong_input_is_told_by_its_property(resources: ResourceProvider, wrong: Properties, told: str) -> None:
    assert failing(resources, wrong) == [told]


def test_what_is_not_known_yet_passes_the_check(credentials: CredentialProvider, resources: ResourceProvider) -> None:
    assert not failing(resources, resource(credentialId=UNKNOWN, config=UNKNOWN, maxSessionMinutes=UNKNOWN))
    assert not failing(credentials, credential(credentialData=UNKNOWN))


@pytest.mark.parametrize(
    "wrong",
    [
        credential(credentialData=None),
        credential(credentialDataFile="key.json"),
        credential(credentialData="a-secret-as-text"),
        credential(credentialData=None, credentialDataEnv="SK"),
    ],
)
def test_a_wrong_source_of_the_secret_is_told_without_quoting_it(
    credentials: CredentialProvider, wrong: Properties
) -> None:
    assert failing(credentials, wrong) == ["credentialType"]


def test_who_adopts_a_credential_needs_no_secret(credentials: CredentialProvider) -> None:
    assert not failing(credentials, credential(credentialData=None, adoptId="an-id"))
