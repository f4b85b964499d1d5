"""Whom EntryGuard asks in sovereign clouds and private networks. The operator says so, and no tenant."""

import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Target, Unreachable, Verified
from api.settings import Settings
from tests.api.published import CREATE_CREDENTIAL
from tests.clouds.apisix_standin import ApisixStandIn
from tests.clouds.aws_standin import AwsStandIn
from tests.clouds.azure_standin import AzureStandIn
from tests.clouds.gcp_standin import GcpStandIn
from tests.served_api import settings_in
from worker.verify import endpoints_of

ACCOUNT = "123456789012"
GROUP = "sg-0abc123def456"
OURS = tuple(f"ENTRYGUARD_{name}" for name in ("GCP_TOKEN_URL", "GCP_COMPUTE_URL", "GCP_RESOURCE_MANAGER_URL"))
AZURE_GOVERNMENT = {
    "ENTRYGUARD_AZURE_AUTHORITY_URL": "https://login.microsoftonline.us",
    "ENTRYGUARD_AZURE_RESOURCE_MANAGER_URL": "https://management.usgovcloudapi.net",
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """The names that are looked up. None is found: nobody but this machine is called."""
    names: set[str] = set()
    look_up = socket.getaddrinfo

    def look_up_here(host: str, *others: Any, **options: Any) -> Any:
        if host.startswith("127."):
            return look_up(host, *others, **options)
        names.add(host)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)
    yield names


def endpoints(folder: Path, settings: Mapping[str, str]) -> Endpoints:
    """What a worker makes of these settings and no others."""
    needed = {name: value for name, value in settings_in(folder).items() if not name.endswith("_URL")}
    places = {"ENTRYGUARD_DATABASE_URL": f"sqlite:///{folder}/x", "ENTRYGUARD_REDIS_URL": "unix:///x"}
    return endpoints_of(Settings.from_environment({**needed, **places, **settings}))


def on(region: str) -> Target:
    return Target(region, GROUP, "SECURITY_GROUP")


@pytest.mark.parametrize(("region", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")])
def test_a_key_of_another_partition_is_proved_there(
    aws: AwsStandIn, tmp_path: Path, region: str, partition: str
) -> None:
    key, at = aws.user(region=region), {"ENTRYGUARD_AWS_ENDPOINT_URL": aws.endpoint}
    group = Target(region, aws.security_group(region=region), "SECURITY_GROUP")

    there = CLOUDS["AWS"].connect(key.credential_data, endpoints(tmp_path, {**at, "ENTRYGUARD_AWS_REGION": region}))
    elsewhere = CLOUDS["AWS"].connect(key.credential_data, endpoints(tmp_path, at))

    assert there.verify([]) == there.verify([group]) == Verified(ACCOUNT)
    assert there.inspect(group).identifier == group.identifier
    with pytest.raises(Refused, match="InvalidClientTokenId"):
        elsewhere.verify([])
    assert f"arn:{partition}:ec2:{region}:{ACCOUNT}:" in str(CLOUDS["AWS"].policy([group], ACCOUNT))


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
        ("eu-central-1", "sts.eu-central-1.amazonaws.com"),
    ],
)
def test_the_partitions_own_sts_is_asked(asked: set[str], tmp_path: Path, region: str, host: str) -> None:
    try_all(connect("AWS", endpoints(tmp_path, {"ENTRYGUARD_AWS_REGION": region})))

    assert asked == {host, host.replace("sts.", "ec2.", 1)}


@pytest.mark.parametrize("settings", [{}, {"ENTRYGUARD_AWS_ENDPOINT_URL": "https://aws.operator.example"}], ids=str)
@pytest.mark.parametrize(
    "region", ["cn-north-1", "us-gov-east-1", "evil.example/#", "us-east-1.evil.example", "us-east-1@evil.example:443"]
)
def test_no_region_that_a_tenant_names_leads_away_from_aws(
    asked: set[str], tmp_path: Path, settings: dict[str, str], region: str
) -> None:
    try_all(connect("AWS", endpoints(tmp_path, settings)), on(region))

    if settings:
        assert asked == {"aws.operator.example"}
    else:
        assert all(host.endswith((".amazonaws.com", ".amazonaws.com.cn")) for host in asked)


def test_azure_government_is_asked_for_a_token(asked: set[str], tmp_path: Path) -> None:
    try_all(connect("AZURE", endpoints(tmp_path, AZURE_GOVERNMENT)))

    assert asked == {"login.microsoftonline.us"}


def test_azure_governments_resource_manager_is_asked_with_a_token_for_it(
    azure: AzureStandIn, asked: set[str], tmp_path: Path
) -> None:
    """The stand-in takes a token for its own resource manager only, which the promises of Azure show."""
    settings = azure.settings | {
        "ENTRYGUARD_AZURE_RESOURCE_MANAGER_URL": AZURE_GOVERNMENT["ENTRYGUARD_AZURE_RESOURCE_MANAGER_URL"]
    }

    try_all(CLOUDS["AZURE"].connect(azure.credential_data(), endpoints(tmp_path, settings)))

    assert asked == {"management.usgovcloudapi.net"}


@pytest.mark.parametrize("tenant", ["evil.example", "../../evil.example", "x@evil.example", "common#"])
def test_no_tenants_id_leads_away_from_the_authority(asked: set[str], tmp_path: Path, tenant: str) -> None:
    data = CREATE_CREDENTIAL["AZURE"]["credentialData"] | {"tenantId": tenant}

    try_all(CLOUDS["AZURE"].connect(data, endpoints(tmp_path, AZURE_GOVERNMENT)))

    assert asked == set()


def test_the_operators_google_is_asked_whatever_a_key_file_says(
    gcp: GcpStandIn, asked: set[str], tmp_path: Path
) -> None:
    places = ("token", "compute", "resourcemanager")
    operators = dict(zip(OURS, (f"https://{place}.sovereign.example" for place in places), strict=True))
    tenants = dict.fromkeys(("token_uri", "auth_uri", "client_x509_cert_url"), "https://evil.example/token")
    data = gcp.project().credential_data() | tenants | {"universe_domain": "evil.example"}

    try_all(CLOUDS["GCP"].connect(data, endpoints(tmp_path, operators)))
    assert asked == {"token.sovereign.example"}

    asked.clear()
    known = {**gcp.settings, **{name: operators[name] for name in OURS[1:]}}
    try_all(CLOUDS["GCP"].connect(data, endpoints(tmp_path, known)))
    assert asked == {"compute.sovereign.example", "resourcemanager.sovereign.example"}


def test_a_private_gateway_needs_its_network_and_its_authority(apisix: ApisixStandIn, tmp_path: Path) -> None:
    network = {"ENTRYGUARD_ALLOWED_PRIVATE_NETWORKS": "127.0.0.1/32"}
    authority = {"ENTRYGUARD_CA_BUNDLE": str(apisix.ca_bundle)}

    def verified(settings: Mapping[str, str]) -> Verified:
        return CLOUDS["APISIX"].connect(apisix.credential_data(), endpoints(tmp_path, settings)).verify([])

    assert verified(network | authority) == Verified(urlsplit(apisix.url).netloc)
    with pytest.raises(Refused, match="UnsafeUrl"):
        verified(authority)
    with pytest.raises(Unreachable, match="SSLError"):
        verified(network)


def connect(cloud: str, at: Endpoints) -> Connection:
    return CLOUDS[cloud].connect(CREATE_CREDENTIAL[cloud]["credentialData"], at)


def try_all(connection: Connection, target: Target | None = None) -> None:
    """Ask everything that changes nothing. Nobody answers."""
    region = target.region if target else None
    questions: list[Callable[[], object]] = [
        lambda: connection.verify([target] if target else []),
        lambda: connection.visible(region),
    ]
    if target:
        questions.append(lambda: connection.inspect(target))
    for ask in questions:
        with pytest.raises((Refused, Unreachable)):
            ask()
