"""GCP, declared: service account keys and VPC networks. `gcp_connection` asks Google, and is loaded on demand."""

import re
from collections.abc import Mapping, Sequence

from api.clouds.base import Connection, Endpoints, Field, ResourceType, Target

_NETWORK = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")

SEE_NETWORK = "compute.networks.get"
LIST_NETWORKS = "compute.networks.list"

# Google's two token endpoints: the current one, and the one in key files made before 2018.
_TOKEN_ENDPOINTS = ("https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token")


class Gcp:
    """Google Cloud, through a service account's key."""

    name = "GCP"
    label = "Google Cloud"
    credential_type = "SERVICE_ACCOUNT"
    fields: tuple[Field, ...] = (
        Field("type", "Type", "As the key file has it", "service_account", max_length=64, usual="service_account"),
        Field("project_id", "Project ID", "The project whose firewall is managed", "my-project-12345"),
        Field("private_key_id", "Private Key ID", "As the key file has it", "abc123...", required=False),
        Field(
            "private_key",
            "Private Key",
            "The PEM text of the key file, with its line breaks",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
            secret=True,
            kind="multiline",
            max_length=16_384,
        ),
        Field(
            "client_email", "Client Email", "The service account", "entryguard@my-project-12345.iam.gserviceaccount.com"
        ),
        Field("client_id", "Client ID", "As the key file has it", "123456789", required=False),
        # The SDK never fetches the next three but for token_uri, which is why only that one is checked as an address.
        Field(
            "auth_uri",
            "Auth URI",
            "As the key file has it; never called",
            "https://accounts.google.com/o/oauth2/auth",
            required=False,
            max_length=2048,
        ),
        Field(
            "token_uri",
            "Token URI",
            "Absent, or Google's own",
            "https://oauth2.googleapis.com/token",
            required=False,
            kind="url",
            max_length=2048,
            allowed=_TOKEN_ENDPOINTS,
        ),
        Field(
            "auth_provider_x509_cert_url",
            "Auth Provider Certificate URL",
            "As the key file has it; never called",
            "https://www.googleapis.com/oauth2/v1/certs",
            required=False,
            max_length=2048,
        ),
        Field(
            "client_x509_cert_url",
            "Client Certificate URL",
            "As the key file has it; never called",
            "https://www.googleapis.com/robot/v1/metadata/x509/...",
            required=False,
            max_length=2048,
        ),
        Field("universe_domain", "Universe Domain", "As the key file has it", "googleapis.com", required=False),
    )
    resource_types: Mapping[str, ResourceType] = {
        "FIREWALL": ResourceType(
            "FIREWALL",
            "Firewall of a VPC network",
            "The network's name",
            "default",
            ("port", "ports", "portRange", "protocol", "targetTags", "priority"),
        )
    }
    needs_region = False
    regions: tuple[str, ...] = ()
    # Beside the firewalls themselves, a write needs the network's policy, and waiting for it the operation.
    permissions: tuple[str, ...] = (
        "compute.firewalls.list",
        "compute.firewalls.get",
        "compute.firewalls.create",
        "compute.firewalls.update",
        "compute.firewalls.delete",
        "compute.networks.updatePolicy",
        "compute.globalOperations.get",
    )
    # Keys and roles take a while to be known everywhere: https://cloud.google.com/iam/docs/access-change-propagation
    settling = frozenset({"invalid_grant", "AccessDenied", "Permission denied"})
    gone = frozenset({"notFound"})
    writes_whole = False
    policy_use = (
        "A custom role: make it with `gcloud iam roles create entryguard --project PROJECT --file FILE`, "
        "and grant it to the service account in that project."
    )
    hints: Mapping[str, str] = {
        "invalid_grant": "Service account key is invalid or revoked",
        "Permission denied": "Service account lacks required compute permissions",
        "AccessDenied": "Service account lacks required compute permissions",
        "authError": "Service account is disabled, or its project is",
        "SERVICE_DISABLED": "Compute Engine API is not enabled in the project",
        "BILLING_DISABLED": "Project has no billing account that is in force",
        "notFound": "Project or network doesn't exist",
        "quotaExceeded": "Project has no room for one more firewall rule: remove some, or have its quota raised",
        "invalid": "Google doesn't take this firewall rule for the network",
        "invalidProject": "Project ID must look like my-project-12345",
    }

    remedies: Mapping[str, str] = {
        "invalid_grant": "Make a new key of the service account, and replace the secret with what its file holds.",
        "Permission denied": "Grant the service account a role with the permissions below, then verify again.",
        "AccessDenied": "Grant the service account a role with the permissions below, then verify again.",
        "authError": "Enable the service account and its project, then verify again.",
        "SERVICE_DISABLED": "Enable the Compute Engine API in the project, then verify again.",
        "BILLING_DISABLED": "Link the project with a billing account that is in force, then verify again.",
        "notFound": "See that the project's ID and the network's name are right; replace the secret, or change the "
        "resource, where one is not.",
        "quotaExceeded": "Remove firewall rules that nobody needs, or have the project's quota raised.",
        "invalidProject": "Replace the secret, with the ID of the project and not its name.",
    }

    def check_identifier(self, resource_type: str, identifier: str) -> str | None:
        if _NETWORK.fullmatch(identifier):
            return None
        return "resourceIdentifier must be a network's name, of small letters, digits and hyphens, such as default"

    def policy(self, targets: Sequence[Target], account: str | None = None) -> dict[str, object]:
        """A custom role, as `gcloud iam roles create --file` takes it; Google has no narrower scope than a project.

        Beside what is required it lets networks be seen: without that, one that no firewall rule is on yet is unknown.
        """
        return {
            "title": "EntryGuard",
            "description": "Lets EntryGuard open and close the project's firewall",
            "stage": "GA",
            "includedPermissions": [*self.permissions, SEE_NETWORK, LIST_NETWORKS],
        }

    def preload(self) -> None:
        """Load Google's SDK (3 seconds, 150 MB) before forking."""
        import api.clouds.gcp_connection  # noqa: F401
        from api.clouds import gcp_clients

        gcp_clients.warm()

    def connect(self, secrets: Mapping[str, str], endpoints: Endpoints) -> Connection:
        from api.clouds.gcp_connection import GcpConnection

        return GcpConnection(secrets, endpoints)
