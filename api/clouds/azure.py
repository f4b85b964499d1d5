"""Azure, declared: service principals and network security groups. `azure_connection` asks Azure, and is loaded when
somebody connects.
"""

import re
from collections.abc import Mapping, Sequence

from api.clouds.base import Connection, Endpoints, Field, ResourceType, Target

LOOK = "Microsoft.Network/networkSecurityGroups/read"
LOOK_AT_RULES = "Microsoft.Network/networkSecurityGroups/securityRules/read"
WRITE = "Microsoft.Network/networkSecurityGroups/securityRules/write"
DELETE = "Microsoft.Network/networkSecurityGroups/securityRules/delete"
# To ask which of the others are held. Network Contributor has it as Microsoft.Authorization/*/read.
ASK = "Microsoft.Authorization/permissions/read"

# A resource group's name may not end in a dot; Azure compares all of it without regard to case.
SECURITY_GROUP = re.compile(
    r"/subscriptions/(?P<subscription>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"/resourceGroups/(?P<resource_group>[-\w.()]{0,89}[-\w()])"
    r"/providers/Microsoft\.Network/networkSecurityGroups/(?P<name>[a-z0-9]([-\w.]{0,78}\w)?)",
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
    regions: tuple[str, ...] = ()
    permissions: tuple[str, ...] = (LOOK, LOOK_AT_RULES, WRITE, DELETE, ASK)
    # Entra and the role assignments are eventually consistent:
    # https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
    settling: frozenset[str] = frozenset({"InvalidAuthenticationToken", "AuthorizationFailed"})
    gone: frozenset[str] = frozenset({"ResourceNotFound", "ResourceGroupNotFound"})
    writes_whole = False
    policy_use = (
        "A custom role: make it with `az role definition create --role-definition @FILE`, the subscription's id filled "
        "in, and assign it to the service principal."
    )
    hints: Mapping[str, str] = {
        "InvalidAuthenticationToken": "Client secret is invalid or expired",
        "AuthorizationFailed": "Service principal lacks Network Contributor role",
        "ConditionalAccess": "A conditional access policy of the tenant keeps the service principal out",
        "InvalidAuthenticationTokenTenant": "Subscription belongs to another tenant than the service principal's",
        "InvalidSubscriptionId": "Subscription ID is none of Azure's",
        "SubscriptionNotFound": "Subscription doesn't exist, or the service principal has no role in it",
        "SubscriptionMismatch": "Network security group is in another subscription than the credential's",
        "InvalidResourceId": "Network security group must be named by its ARM resource id",
        "ResourceNotFound": "Network security group doesn't exist in its resource group",
        "ResourceGroupNotFound": "Resource group doesn't exist in the subscription",
        "MissingSubscriptionRegistration": "Subscription isn't registered for Microsoft.Network",
        "ReadOnlyDisabledSubscription": "Subscription is disabled, and can only be read",
        "DenyAssignmentAuthorizationFailed": "A deny assignment forbids the service principal to do this",
        "RequestDisallowedByPolicy": "A policy of the subscription forbids the rule",
        "ScopeLocked": "A lock on the network security group, or above it, forbids the change",
        "SecurityRuleCountLimitReached": "Network security group is full: it holds 1,000 rules at most",
        "NoFreePriority": "No priority from priorityFrom to priorityTo is free: remove rules, or set other ends",
    }

    remedies: Mapping[str, str] = {
        "InvalidAuthenticationToken": "Make a new client secret of the application, and replace the secret.",
        "AuthorizationFailed": "Assign the service principal the role Network Contributor, or the smaller role below, "
        "where the network security groups are; then verify again.",
        "ConditionalAccess": "Have the tenant's administrator let the service principal through, then verify again.",
        "InvalidAuthenticationTokenTenant": "Replace the secret, with the tenant that the subscription belongs to.",
        "InvalidSubscriptionId": "Replace the secret, with the subscription's ID as Azure shows it.",
        "SubscriptionNotFound": "Assign the service principal a role in the subscription, or replace the secret with "
        "the right subscription's ID.",
        "MissingSubscriptionRegistration": "Register the subscription for Microsoft.Network, then verify again.",
        "ReadOnlyDisabledSubscription": "Have the subscription enabled again, then verify again.",
        "DenyAssignmentAuthorizationFailed": "Have the deny assignment lifted for the service principal, then verify "
        "again.",
        "SubscriptionMismatch": "Give the resource a credential of the subscription that its id names.",
        "InvalidResourceId": "Change the resource: it takes the group's whole ARM id, from /subscriptions/ on.",
        "ResourceNotFound": "See in Azure what the group's id is, and change the resource.",
        "ResourceGroupNotFound": "See in Azure which resource group it is in, and change the resource.",
        "SecurityRuleCountLimitReached": "Remove rules that nobody needs from the group.",
        "NoFreePriority": "Change the resource: give it a wider range of priorities.",
    }

    def check_identifier(self, resource_type: str, identifier: str) -> str | None:
        if SECURITY_GROUP.fullmatch(identifier):
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
        """Load the two SDKs (a second, 66 MB) before forking."""
        from api.clouds import azure_connection

        azure_connection.warm()

    def connect(self, secrets: Mapping[str, str], endpoints: Endpoints) -> Connection:
        from api.clouds.azure_connection import AzureConnection

        return AzureConnection(secrets, endpoints)
