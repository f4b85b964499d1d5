"""The stand-ins of all clouds at once, the settings of a server that takes them for the clouds, and what to try."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.api.published import CREATE_CREDENTIAL
from tests.clouds.apisix_standin import ApisixStandIn
from tests.clouds.aws_standin import REGION, AwsStandIn
from tests.clouds.azure_standin import AzureStandIn
from tests.clouds.gcp_standin import GcpStandIn

Body = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """A good credential and an object that it may open, as they are posted; the object lacks the credential's id."""

    credential: Body
    resource: Body
    account: str


@dataclass(frozen=True)
class Clouds:
    """The stand-ins of all clouds."""

    aws: AwsStandIn
    gcp: GcpStandIn
    azure: AzureStandIn
    apisix: ApisixStandIn

    def settings(self, folder: Path) -> dict[str, str]:
        """The settings that lead here; the authorities that all of them trust go into a file in `folder`."""
        authorities = folder / "authorities.pem"
        trusted = (self.gcp.authority, self.azure.ca_bundle, self.apisix.ca_bundle)
        authorities.write_text("".join(each.read_text(encoding="ascii") for each in trusted), encoding="ascii")
        return {
            **self.gcp.settings,
            **self.azure.settings,
            "ENTRYGUARD_AWS_ENDPOINT_URL": self.aws.endpoint,
            "ENTRYGUARD_ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8",
            "ENTRYGUARD_CA_BUNDLE": str(authorities),
        }

    def examples(self) -> dict[str, Example]:
        """A new credential and a new object in every cloud."""
        project = self.gcp.project()
        group = _resource("SECURITY_GROUP", self.aws.security_group()) | {"region": REGION}
        network = _resource("FIREWALL", project.target().identifier)
        nsg = _resource("NETWORK_SECURITY_GROUP", self.azure.group())
        route = _resource("GATEWAY_ROUTE", self.apisix.route())
        return {
            "AWS": _example("AWS", self.aws.user().credential_data, group, "123456789012"),
            "GCP": _example("GCP", project.credential_data(), network, project.name),
            "AZURE": _example("AZURE", self.azure.credential_data(), nsg, self.azure.subscription),
            "APISIX": _example("APISIX", self.apisix.credential_data(), route, f"127.0.0.1:{self.apisix.port}"),
        }


@contextmanager
def every_cloud() -> Iterator[Clouds]:
    """All stand-ins, started; ended afterwards."""
    with AwsStandIn() as aws, GcpStandIn() as gcp, AzureStandIn() as azure, ApisixStandIn() as apisix:
        yield Clouds(aws, gcp, azure, apisix)


def _resource(resource_type: str, identifier: str) -> Body:
    return {"resourceType": resource_type, "resourceIdentifier": identifier}


def _example(cloud: str, data: dict[str, str], resource: Body, account: str) -> Example:
    credential = CREATE_CREDENTIAL[cloud] | {"credentialData": data}
    return Example(credential, {"name": f"{cloud} gateway", "provider": cloud, **resource}, account)
