"""Azure, declared: service principals are taken and sealed. The adapter that asks Azure is still to come."""

import re
from collections.abc import Mapping, Sequence

from api.clouds.base import Awaited, Connection, Endpoints, Field, ResourceType, Target

# A resource group's name may not end in a dot; Azure compares all of it without regard to case.
_SECURITY_GROUP = re.compile(
    r"/subscriptions/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"/resourceGroups/[-\w.()]{0,89}[-\w()]"
    r"/providers/Microsoft\.Network/networkSecurityGroups/[a-z0-9]([-\w.]{0,78}\w)?",
    re.IGNORECASE | re.ASCII,
)
_EXAMPLE = (
    "/subscriptions/12345678-1234-1234-1234-123456789012/resourceGroups/production"
    "/providers/Microsoft.Network/networkSecurityGroups/gateway"
)


class Azure:
    """Microsoft Azure, through a service principal."""

    name = "AZURE"
    label = "Microsoft Azure"
    credential_type = "SERVICE_PRINCIPAL"
    fields: tuple[Field, ...] = (
        Field(
            "subscriptionId",
            "Subscription ID",
            "The subscription that holds the network security groups",
            "12345678-1234-1234-1234-123456789012",
            kind="uuid",
            max_length=64,
        ),
        Field(
            "tenantId",
            "Tenant ID",
            "The directory of the service principal",
            "87654321-4321-4321-4321-210987654321",
            kind="uuid",
            max_length=64,
        ),
        Field(
            "clientId",
            "Client ID",
            "The service principal's application",
            "abcdef12-3456-7890-abcd-ef1234567890",
            kind="uuid",
            max_length=64,
        ),
        Field("clientSecret", "Client Secret", "A secret of the application", "your-client-secret-here", secret=True),
    )
    resource_types: Mapping[str, ResourceType] = {
        "NETWORK_SECURITY_GROUP": ResourceType(
            "NETWORK_SECURITY_GROUP",
            "Network security group",
            "Its ARM resource id",
            _EXAMPLE,
            ("port", "ports", "portRange", "protocol", "priorityFrom", "priorityTo"),
        )
    }
    needs_region = False
    permissions: tuple[str, ...] = (
        "Microsoft.Network/networkSecurityGroups/read",
        "Microsoft.Network/networkSecurityGroups/securityRules/read",
        "Microsoft.Network/networkSecurityGroups/securityRules/write",
        "Microsoft.Network/networkSecurityGroups/securityRules/delete",
    )
    settling: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset({"ResourceNotFound", "ResourceGroupNotFound"})
    hints: Mapping[str, str] = {
        "InvalidAuthenticationToken": "Client secret is invalid or expired",
        "AuthorizationFailed": "Service principal lacks Network Contributor role",
    }

    def check_identifier(self, resource_type: str, identifier: str) -> str | None:
        if _SECURITY_GROUP.fullmatch(identifier):
            return None
        return f"resourceIdentifier must be the ARM id of a network security group, such as {_EXAMPLE}"

    def policy(self, targets: Sequence[Target], account: str | None = None) -> dict[str, object]:
        """A custom role, as `az role definition create` takes it, for the resource groups that hold `targets`."""
        groups = sorted({target.identifier.split("/providers/", maxsplit=1)[0] for target in targets})
        return {
            "Name": "EntryGuard",
            "IsCustom": True,
            "Description": "Lets EntryGuard open and close network security groups",
            "Actions": list(self.permissions),
            "NotActions": [],
            "AssignableScopes": groups or [f"/subscriptions/{account or '<subscription id>'}"],
        }

    def preload(self) -> None:
        """Nothing to load before there is an adapter."""

    def connect(self, secrets: Mapping[str, str], endpoints: Endpoints) -> Connection:
        return Awaited("Azure")
