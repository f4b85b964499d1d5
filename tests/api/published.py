"""The examples of the published API pages, as data: what is tested word for word."""

from typing import Any

CREATE_CREDENTIAL: dict[str, dict[str, Any]] = {
    "AWS": {
        "name": "AWS Production Account",
        "provider": "AWS",
        "credentialType": "ACCESS_KEY",
        "credentialData": {
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
            "secretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        },
    },
    "GCP": {
        "name": "GCP Production Project",
        "provider": "GCP",
        "credentialType": "SERVICE_ACCOUNT",
        "credentialData": {
            "type": "service_account",
            "project_id": "my-project-12345",
            "private_key_id": "abc123...",
            "private_key": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
            "client_email": "[email protected]",
            "client_id": "123456789",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "https://oauth2.googleapis.com/token",
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/...",
        },
    },
    "GCP, short": {
        "name": "GCP Production Project",
        "provider": "GCP",
        "credentialType": "SERVICE_ACCOUNT",
        "credentialData": {
            "type": "service_account",
            "project_id": "my-project-12345",
            "private_key": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
            "client_email": "[email protected]",
        },
    },
    "AZURE": {
        "name": "Azure Production Subscription",
        "provider": "AZURE",
        "credentialType": "SERVICE_PRINCIPAL",
        "credentialData": {
            "subscriptionId": "12345678-1234-1234-1234-123456789012",
            "tenantId": "87654321-4321-4321-4321-210987654321",
            "clientId": "abcdef12-3456-7890-abcd-ef1234567890",
            "clientSecret": "your-client-secret-here",
        },
    },
    "APISIX": {
        "name": "APISIX Gateway",
        "provider": "APISIX",
        "credentialType": "API_KEY",
        "credentialData": {"apiUrl": "https://apisix.example.com", "apiKey": "your-apisix-admin-api-key"},
    },
}

CREATED_CREDENTIAL: dict[str, Any] = {
    "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "name": "AWS Production Account",
    "provider": "AWS",
    "credentialType": "ACCESS_KEY",
    "isValid": None,
    "lastVerifiedAt": None,
    "verificationError": None,
    "createdAt": "2026-02-18T12:30:00Z",
    "updatedAt": "2026-02-18T12:30:00Z",
}

VERIFIED_CREDENTIALS: list[dict[str, Any]] = [
    {
        "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "name": "AWS Production Account",
        "provider": "AWS",
        "credentialType": "ACCESS_KEY",
        "isValid": True,
        "lastVerifiedAt": "2026-02-18T10:00:00Z",
        "verificationError": None,
        "createdAt": "2026-01-10T09:00:00Z",
        "updatedAt": "2026-02-18T10:00:00Z",
    },
    {
        "id": "8d0f7780-8536-51f0-c958-f18ed2901bf8",
        "name": "GCP Production Project",
        "provider": "GCP",
        "credentialType": "SERVICE_ACCOUNT",
        "isValid": False,
        "lastVerifiedAt": "2026-02-17T14:30:00Z",
        "verificationError": "AccessDenied: Service account lacks compute.firewalls.list permission",
        "createdAt": "2026-01-12T11:00:00Z",
        "updatedAt": "2026-02-17T14:30:00Z",
    },
    {
        "id": "9e1f8891-9647-6201-d069-029043012c09",
        "name": "Azure Subscription",
        "provider": "AZURE",
        "credentialType": "SERVICE_PRINCIPAL",
        "isValid": None,
        "lastVerifiedAt": None,
        "verificationError": None,
        "createdAt": "2026-02-18T12:40:00Z",
        "updatedAt": "2026-02-18T12:40:00Z",
    },
]
"""As published, but for two ids that have letters beyond f."""

CREATE_RESOURCE: dict[str, Any] = {
    "name": "Production API Gateway",
    "credentialId": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "provider": "AWS",
    "resourceType": "SECURITY_GROUP",
    "resourceIdentifier": "sg-0abc123def456",
    "region": "eu-central-1",
    "config": {"port": 443, "protocol": "tcp"},
}

CREATED_RESOURCE: dict[str, Any] = {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "name": "Production API Gateway",
    "credentialId": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "credentialName": "AWS Production Account",
    "provider": "AWS",
    "resourceType": "SECURITY_GROUP",
    "resourceIdentifier": "sg-0abc123def456",
    "region": "eu-central-1",
    "config": {"port": 443, "protocol": "tcp"},
    "isActive": False,
    "lastVerifiedAt": None,
    "createdAt": "2026-02-18T11:00:00Z",
    "updatedAt": "2026-02-18T11:00:00Z",
}

MISSING_ACCESS_KEY = "credentialData.accessKeyId is required for AWS ACCESS_KEY credentials"
CREDENTIAL_NOT_FOUND = "Credential with ID 7c9e6679-7425-40de-944b-e07fc1f90ae7 not found"
MAX_RESOURCES_REACHED = (
    "Organization has reached maximum of 3 resources for Free tier. Add credits to unlock unlimited resources."
)

# What the contract adds beside the published fields.
MORE_OF_A_CREDENTIAL = {
    "missingPermissions",
    "account",
    "secretVersion",
    "verifiedSecretVersion",
    "pendingUpdate",
    "deletingSince",
    "revision",
}
MORE_OF_A_RESOURCE = {"verificationError", "maxSessionMinutes", "deletingSince", "revision", "verifiedRevision"}
MORE_OF_AN_ERROR = {"requestId", "details"}
