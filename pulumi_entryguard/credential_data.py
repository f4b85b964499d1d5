"""Typed forms of `credential_data` for the four clouds; a mapping with the API's own keys does as well."""

from dataclasses import dataclass, field, fields

import pulumi


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsAccessKey:
    """`ACCESS_KEY` of provider `AWS`: the key of an IAM user of its own."""

    access_key_id: pulumi.Input[str] = field(metadata={"key": "accessKeyId"})
    secret_access_key: pulumi.Input[str] = field(repr=False, metadata={"key": "secretAccessKey"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpServiceAccount:
    """`SERVICE_ACCOUNT` of provider `GCP`: what Google's key file holds. A whole key file goes in as a mapping."""

    project_id: pulumi.Input[str]
    client_email: pulumi.Input[str]
    private_key: pulumi.Input[str] = field(repr=False)
    type: pulumi.Input[str] = "service_account"
    private_key_id: pulumi.Input[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureServicePrincipal:
    """`SERVICE_PRINCIPAL` of provider `AZURE`."""

    subscription_id: pulumi.Input[str] = field(metadata={"key": "subscriptionId"})
    tenant_id: pulumi.Input[str] = field(metadata={"key": "tenantId"})
    client_id: pulumi.Input[str] = field(metadata={"key": "clientId"})
    client_secret: pulumi.Input[str] = field(repr=False, metadata={"key": "clientSecret"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApisixApiKey:
    """`API_KEY` of provider `APISIX`: the gateway's Admin API."""

    api_url: pulumi.Input[str] = field(metadata={"key": "apiUrl"})
    api_key: pulumi.Input[str] = field(repr=False, metadata={"key": "apiKey"})


CredentialData = AwsAccessKey | GcpServiceAccount | AzureServicePrincipal | ApisixApiKey


def as_mapping(data: CredentialData) -> dict[str, pulumi.Input[str]]:
    """A typed form with the keys of the API."""
    named = {declared.metadata.get("key", declared.name): getattr(data, declared.name) for declared in fields(data)}
    return {key: value for key, value in named.items() if value is not None}
