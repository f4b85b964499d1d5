"""Objects in the clouds, each for one run, with what somebody else lets in there; and how they look from outside."""

from dataclasses import dataclass
from typing import Any

from api.clouds import Endpoints, Target
from tests.clouds.every_cloud import Clouds
from tests.clouds.gcp_standin import GcpProject
from tests.clouds.sites import Site, a_rule
from tests.clouds.test_apisix_promises import ApisixSite
from tests.clouds.test_aws_promises import AwsSite
from tests.clouds.test_azure_promises import AzureSite
from tests.clouds.test_gcp_promises import GcpSite
from tests.worker.bench import without_revisions

# Next to what the runs let in, and over it: a rule of theirs must be told from both.
_THEIRS = ("198.18.7.0/24", "10.0.0.0/8")


@dataclass(frozen=True, slots=True)
class Place:
    """An object. resource: what a request that adds it has, beside its name and its credential."""

    resource: dict[str, Any]
    target: Target
    site: Site

    def everything(self) -> str:
        """All that it holds, as a text to compare."""
        return without_revisions(self.site.everything(self.target))


class Places:
    """Makes them; those at Google in this project."""

    def __init__(self, clouds: Clouds, project: str) -> None:
        nowhere = Endpoints()  # only what a person does is asked of these
        self._google = google = GcpProject(clouds.gcp, project)
        self._sites: dict[str, Site] = {
            "AWS": AwsSite(clouds.aws, nowhere),
            "GCP": GcpSite(google, nowhere),
            "AZURE": AzureSite(clouds.azure, nowhere),
            "APISIX": ApisixSite(clouds.apisix, nowhere),
        }

    def fresh(self, cloud: str) -> Place:
        """A new object, with rules of somebody else."""
        # Google lists all that a project has: with another page of it a run would pass more points than the one before.
        self._google.set(firewalls={})
        site = self._sites[cloud]
        target = site.target()
        for address in _THEIRS:
            site.add_foreign(target, a_rule(address))
        types = site.cloud.resource_types[target.resource_type]
        resource = {
            "provider": cloud,
            "resourceType": target.resource_type,
            "resourceIdentifier": target.identifier,
            **({"region": target.region} if target.region else {}),
            **({"config": {"port": 443}} if "port" in types.options else {}),
        }
        return Place(resource, target, site)
