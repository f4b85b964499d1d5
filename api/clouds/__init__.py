"""The clouds that EntryGuard opens and closes. A new one is a file beside this one and a line in this list."""

from collections.abc import Mapping
from types import MappingProxyType

from api.clouds.apisix import Apisix
from api.clouds.aws import Aws
from api.clouds.azure import Azure
from api.clouds.base import (
    Cloud,
    Connection,
    Endpoints,
    Field,
    Refused,
    ResourceType,
    Seen,
    Target,
    Unreachable,
    Verified,
)
from api.clouds.gcp import Gcp

__all__ = [
    "CLOUDS",
    "Cloud",
    "Connection",
    "Endpoints",
    "Field",
    "Refused",
    "ResourceType",
    "Seen",
    "Target",
    "Unreachable",
    "Verified",
]

_ALL: tuple[Cloud, ...] = (Aws(), Gcp(), Azure(), Apisix())

CLOUDS: Mapping[str, Cloud] = MappingProxyType({cloud.name: cloud for cloud in _ALL})
"""Every cloud by the name that `provider` has in the API, in the published order."""
