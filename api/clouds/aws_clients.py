"""boto3's clients, with what all access keys can share made once, and reduced to what is asked of AWS."""

import logging
import os
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3.session
import botocore.session
from botocore.client import BaseClient
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from botocore.loaders import Loader

from api.clouds.base import Endpoints
from api.clouds.certificates import trusted

_OPERATIONS = {
    "GetCallerIdentity",
    "DescribeSecurityGroups",
    "AuthorizeSecurityGroupIngress",
    "RevokeSecurityGroupIngress",
}
# One for each region of EC2, and for STS.
_HOSTS = 64

# At DEBUG these write requests with their signatures.
for _name in ("boto3", "botocore"):
    logging.getLogger(_name).setLevel(logging.WARNING)
# They call out by themselves, so what `api.clouds.http` says of it has to be said here too.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


class _Loader(Loader):
    """Reads botocore's own models and nobody else's, and of each what is asked for.

    EC2 has 800 operations, of which each client makes a method each, and 5,000 shapes, which it goes through at the
    first error: 30 ms, and 10 MB that a child would share with its parent.
    """

    def __init__(self) -> None:
        super().__init__(extra_search_paths=[self.BUILTIN_DATA_PATH], include_default_search_paths=False)
        self._reduced: dict[str, dict[str, Any]] = {}

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> dict[str, Any]:
        if service_name in self._reduced and type_name == "service-2":
            return self._reduced[service_name]
        model: dict[str, Any] = super().load_service_model(service_name, type_name, api_version)
        if type_name == "service-2":
            model["operations"] = {name: model["operations"][name] for name in _OPERATIONS & model["operations"].keys()}
            shapes = _reached(model["operations"], model["shapes"])
            model["shapes"] = {name: model["shapes"][name] for name in shapes}
            self._reduced[service_name] = model
        return model


def _reached(part: object, shapes: Mapping[str, Any]) -> set[str]:
    """The names of the shapes that a part of a model is made of."""
    reached: set[str] = set()
    parts = [part]
    while parts:
        match parts.pop():
            case {"shape": str(name)} if name not in reached:
                reached.add(name)
                parts.append(shapes[name])
            case dict() as inner:
                parts += inner.values()
            case list() as inner:
                parts += inner
    return reached


class _Calls(URLLib3Session):
    """botocore's way to call out, which as its own reads the certificates anew for each connection."""

    def __init__(self, ca_bundle: Path | None, connect_seconds: float, read_seconds: float) -> None:
        self._trusted = trusted(ca_bundle)
        # No proxies are named, and so the environment's have no say, as in every call out.
        super().__init__(timeout=(connect_seconds, read_seconds))  # type: ignore[arg-type] # takes both

    def _get_ssl_context(self) -> Any:
        return self._trusted

    def _get_pool_manager_kwargs(self, **more: Any) -> dict[str, Any]:
        options: dict[str, Any] = super()._get_pool_manager_kwargs(**more)  # type: ignore[misc] # the stubs lack it
        return options | {"num_pools": _HOSTS}

    def _setup_ssl_cert(self, conn: Any, *_: Any) -> None:
        conn.cert_reqs = "CERT_REQUIRED"


# The environment's AWS profile and files have no say in what a tenant's key does.
_NOTHING = (None, None, None, None)
_CORE = botocore.session.Session({"profile": _NOTHING, "config_file": _NOTHING, "credentials_file": _NOTHING})
_CORE.register_component("data_loader", _Loader())
# One session serves all connections, since a new one costs half a second; it makes one client at a time.
_SESSION: Any = boto3.session.Session(botocore_session=_CORE)
_MAKING_CLIENTS = threading.Lock()

PARTITIONS: Mapping[str, str] = {
    region: partition
    for partition in _CORE.get_available_partitions()
    for region in _CORE.get_available_regions("ec2", partition)
}
"""Every region that botocore knows, and the partition that it is in."""


def warm() -> None:
    """Read the models of STS and EC2, which the first client of each would read."""
    for service in ("sts", "ec2"):
        # With a key of its own a client does not look for others, which could ask the machine's metadata service.
        client_for(service, "us-east-1", "none", "none", Endpoints())


def client_for(service: str, region: str, key_id: str, secret_key: str, endpoints: Endpoints) -> BaseClient:
    """A client that signs with this key. It shares connections with those of other keys: AWS ties none to a key."""
    with _MAKING_CLIENTS:
        client: BaseClient = _SESSION.client(
            service,
            region,
            endpoint_url=endpoints.aws,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret_key,
            config=_config(endpoints),
        )
    # The public endpoints have the public authorities, whatever else the operator trusts.
    ca_bundle = endpoints.ca_bundle if endpoints.aws else None
    calls = _calls(ca_bundle, endpoints.connect_seconds, endpoints.read_seconds)
    client._endpoint.http_session = calls  # type: ignore[attr-defined] # instead of its own, with a context of its own
    return client


@lru_cache(maxsize=4)
def _calls(ca_bundle: Path | None, connect_seconds: float, read_seconds: float) -> _Calls:
    return _Calls(ca_bundle, connect_seconds, read_seconds)


# A connection that is open must not be carried over a fork.
os.register_at_fork(after_in_child=_calls.cache_clear)


def _config(endpoints: Endpoints) -> Any:
    # The published stubs lack ignore_configured_endpoint_urls, which keeps AWS_ENDPOINT_URL from having a say.
    options: dict[str, Any] = {
        "connect_timeout": endpoints.connect_seconds,
        "read_timeout": endpoints.read_seconds,
        "retries": {"mode": "standard", "total_max_attempts": 2},
        "ignore_configured_endpoint_urls": True,
    }
    return Config(**options)
