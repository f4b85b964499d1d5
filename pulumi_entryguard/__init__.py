"""EntryGuard's credentials and resources in a Pulumi program."""

from importlib import import_module
from typing import TYPE_CHECKING

from pulumi_entryguard.version import __version__

if TYPE_CHECKING:
    from pulumi_entryguard.credential import Credential
    from pulumi_entryguard.credential_data import ApisixApiKey, AwsAccessKey, AzureServicePrincipal, GcpServiceAccount
    from pulumi_entryguard.resource import Resource

__all__ = [
    "ApisixApiKey",
    "AwsAccessKey",
    "AzureServicePrincipal",
    "Credential",
    "GcpServiceAccount",
    "Resource",
    "__version__",
]

# Loaded when they are first named: the command `entryguard` is in this package too, and has to do without Pulumi.
_MODULES = {
    "ApisixApiKey": "credential_data",
    "AwsAccessKey": "credential_data",
    "AzureServicePrincipal": "credential_data",
    "Credential": "credential",
    "GcpServiceAccount": "credential_data",
    "Resource": "resource",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(globals().keys() | _MODULES.keys())
