"""Typed forms of `credential_data`, one for each cloud; a mapping with the API's own keys does as well.

Made from the clouds' declarations by `make types`.
"""

from dataclasses import dataclass, field, fields

import pulumi


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsAccessKey:
    """`ACCESS_KEY` of provider `AWS`, Amazon Web Services."""

    access_key_id: pulumi.Input[str] = field(metadata={"key": "accessKeyId"})
    """The key of an IAM user made for EntryGuard"""
    secret_access_key: pulumi.Input[str] = field(repr=False, metadata={"key": "secretAccessKey"})
    """AWS shows it once, when the key is made"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpServiceAccount:
    """`SERVICE_ACCOUNT` of provider `GCP`, Google Cloud."""

    type: pulumi.Input[str] = "service_account"
    """As the key file has it"""
    project_id: pulumi.Input[str]
    """The project whose firewall is managed"""
    private_key: pulumi.Input[str] = field(repr=False)
    """The PEM text of the key file, with its line breaks"""
    client_email: pulumi.Input[str]
    """The service account"""
    private_key_id: pulumi.Input[str] | None = None
    """As the key file has it"""
    client_id: pulumi.Input[str] | None = None
    """As the key file has it"""
    auth_uri: pulumi.Input[str] | None = None
    """As the key file has it; never called"""
    token_uri: pulumi.Input[str] | None = None
    """Absent, or Google's own"""
    auth_provider_x509_cert_url: pulumi.Input[str] | None = None
    """As the key file has it; never called"""
    client_x509_cert_url: pulumi.Input[str] | None = None
    """As the key file has it; never called"""
    universe_domain: pulumi.Input[str] | None = None
    """As the key file has it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureServicePrincipal:
    """`SERVICE_PRINCIPAL` of provider `AZURE`, Microsoft Azure."""

    subscription_id: pulumi.Input[str] = field(metadata={"key": "subscriptionId"})
    """The subscription that holds the network security groups"""
    tenant_id: pulumi.Input[str] = field(metadata={"key": "tenantId"})
    """The directory of the service principal"""
    client_id: pulumi.Input[str] = field(metadata={"key": "clientId"})
    """The service principal's application"""
    client_secret: pulumi.Input[str] = field(repr=False, metadata={"key": "clientSecret"})
    """A secret of the application"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApisixApiKey:
    """`API_KEY` of provider `APISIX`, Apache APISIX."""

    api_url: pulumi.Input[str] = field(metadata={"key": "apiUrl"})
    """The gateway's Admin API, over https"""
    api_key: pulumi.Input[str] = field(repr=False, metadata={"key": "apiKey"})
    """A key of the role admin"""


CredentialData = AwsAccessKey | GcpServiceAccount | AzureServicePrincipal | ApisixApiKey


def as_mapping(data: CredentialData) -> dict[str, pulumi.Input[str]]:
    """A typed form with the keys of the API."""
    named = {declared.metadata.get("key", declared.name): getattr(data, declared.name) for declared in fields(data)}
    return {key: value for key, value in named.items() if value is not None}
