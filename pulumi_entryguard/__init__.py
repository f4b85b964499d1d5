"""EntryGuard's credentials and resources in a Pulumi program."""

from pulumi_entryguard.credential import Credential
from pulumi_entryguard.credential_data import ApisixApiKey, AwsAccessKey, AzureServicePrincipal, GcpServiceAccount
from pulumi_entryguard.resource import Resource
from pulumi_entryguard.version import __version__

__all__ = [
    "ApisixApiKey",
    "AwsAccessKey",
    "AzureServicePrincipal",
    "Credential",
    "GcpServiceAccount",
    "Resource",
    "__version__",
]
