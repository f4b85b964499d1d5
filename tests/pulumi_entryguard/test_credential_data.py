"""The typed forms of `credential_data`."""

from pathlib import Path

import pytest

from pulumi_entryguard import ApisixApiKey, AwsAccessKey, AzureServicePrincipal, GcpServiceAccount
from pulumi_entryguard.credential_data import CredentialData, as_mapping
from tools.types import least_privilege
from tools.types.written import written

FORMS: list[tuple[CredentialData, set[str]]] = [
    (AwsAccessKey(access_key_id="a", secret_access_key="hush"), {"accessKeyId", "secretAccessKey"}),
    (
        GcpServiceAccount(project_id="p", client_email="e", private_key="hush"),
        {"type", "project_id", "client_email", "private_key"},
    ),
    (
        AzureServicePrincipal(subscription_id="s", tenant_id="t", client_id="c", client_secret="hush"),
        {"subscriptionId", "tenantId", "clientId", "clientSecret"},
    ),
    (ApisixApiKey(api_url="https://apisix.example.com", api_key="hush"), {"apiUrl", "apiKey"}),
]


@pytest.mark.parametrize(("form", "keys"), FORMS)
def test_a_typed_form_has_the_keys_of_the_api(form: CredentialData, keys: set[str]) -> None:
    assert set(as_mapping(form)) == keys


@pytest.mark.parametrize(("form", "_keys"), FORMS)
def test_a_typed_form_does_not_show_its_secret(form: CredentialData, _keys: set[str]) -> None:
    assert "hush" not in repr(form)


@pytest.mark.parametrize(
    ("file", "made"), [("credential_data.py", written()), ("least_privilege.json", least_privilege.written())]
)
def test_what_is_made_of_the_clouds_declarations_is_what_they_declare(file: str, made: str) -> None:
    """After a change of a declaration: `make types`."""
    path = Path(__file__).parents[2] / "pulumi_entryguard" / file

    assert path.read_text(encoding="utf-8") == made
