"""What stands in the state of every stack and can never change: the type tokens, and where the providers are found."""

import base64
import pickle

import pytest
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider

from pulumi_entryguard import Credential, Resource
from pulumi_entryguard.credential import CredentialProvider
from pulumi_entryguard.declaration import Declared
from pulumi_entryguard.resource import ResourceProvider as EntryGuardResourceProvider

# pickle protocol 4, the default of Python 3.8 to 3.13; 3.14 writes another header before the same names
PROVIDERS: list[tuple[ResourceProvider, str]] = [
    (
        CredentialProvider(),
        "gASVOgAAAAAAAACMHHB1bHVtaV9lbnRyeWd1YXJkLmNyZWRlbnRpYWyUjBJDcmVkZW50aWFsUHJvdmlkZXKUk5QpgZQu",
    ),
    (
        EntryGuardResourceProvider(),
        "gASVNgAAAAAAAACMGnB1bHVtaV9lbnRyeWd1YXJkLnJlc291cmNllIwQUmVzb3VyY2VQcm92aWRlcpSTlCmBlC4=",
    ),
]


@pytest.mark.parametrize(("declared", "token"), [(Credential, "Credential"), (Resource, "Resource")])
def test_the_type_tokens_are_fixed_for_ever(declared: type[Declared], token: str) -> None:
    assert f"pulumi-python:{declared._resource_type_name}" == f"pulumi-python:dynamic/entryguard:{token}"


@pytest.mark.skipif(pickle.DEFAULT_PROTOCOL != 4, reason="the text is that of Python 3.11 to 3.13")
@pytest.mark.parametrize(("provider", "text"), PROVIDERS)
def test_the_text_by_which_pulumi_finds_a_provider_is_fixed_for_ever(provider: ResourceProvider, text: str) -> None:
    assert serialize_provider(provider) == text


@pytest.mark.parametrize(("provider", "text"), PROVIDERS)
def test_that_text_of_any_python_brings_the_provider_back(provider: ResourceProvider, text: str) -> None:
    assert type(pickle.loads(base64.b64decode(text))) is type(provider)  # noqa: S301  the text is above


@pytest.mark.parametrize(("provider", "_text"), PROVIDERS)
def test_that_text_is_no_secret_and_holds_no_state(provider: ResourceProvider, _text: str) -> None:
    assert not provider.serialize_as_secret_always
    assert not vars(provider)
