"""What a look at a network tells, and what it tells whom."""

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Seen, Target
from tests.clouds.gcp_standin import REQUIRED, SECURITY_ADMIN, GcpProject, GcpStandIn

NOWHERE = Target(None, "nowhere", "FIREWALL")


@pytest.fixture
def project(gcp: GcpStandIn) -> GcpProject:
    return gcp.project()


@pytest.fixture
def connection(project: GcpProject, at_gcp: Endpoints) -> Connection:
    return CLOUDS["GCP"].connect(project.credential_data(SECURITY_ADMIN), at_gcp)


@pytest.fixture
def without_networks(project: GcpProject, at_gcp: Endpoints) -> Connection:
    """Of an account that may manage firewalls, and see no network."""
    return CLOUDS["GCP"].connect(project.credential_data(REQUIRED), at_gcp)


def refusal_of(connection: Connection, target: Target) -> str:
    with pytest.raises(Refused) as caught:
        connection.inspect(target)
    assert caught.value.__context__ is None
    return str(caught.value)


def test_a_network_is_seen_as_the_cloud_shows_it(project: GcpProject, connection: Connection) -> None:
    target = project.target()

    assert connection.inspect(target) == Seen("network-1", "network-1", "The network network-1", None)


def test_a_network_that_is_not_there_is_refused_by_its_code(connection: Connection) -> None:
    assert refusal_of(connection, NOWHERE) == "notFound: Project or network doesn't exist"


def test_a_missing_permission_is_refused_though_the_network_is_seen(project: GcpProject, at_gcp: Endpoints) -> None:
    permissions = [name for name in SECURITY_ADMIN if name != "compute.firewalls.delete"]
    connection = CLOUDS["GCP"].connect(project.credential_data(permissions), at_gcp)

    said = refusal_of(connection, project.target())

    assert said == "AccessDenied: Service account lacks compute.firewalls.delete permission"


def test_who_may_see_no_network_is_shown_it_by_a_rule(project: GcpProject, without_networks: Connection) -> None:
    target = project.target()
    project.add_foreign(target, "198.51.100.7/32")

    assert without_networks.inspect(target) == Seen(target.identifier, target.identifier, "", None)


@pytest.mark.parametrize("exists", [True, False])
def test_a_network_that_nothing_shows_is_not_called_seen(
    project: GcpProject, without_networks: Connection, exists: bool
) -> None:
    project.add_foreign(project.target(), "198.51.100.7/32")  # on another one

    said = refusal_of(without_networks, project.target() if exists else NOWHERE)

    assert said == "Permission denied: Service account lacks compute.networks.get permission"


def test_networks_are_listed_page_by_page(project: GcpProject, connection: Connection) -> None:
    names = {f"vpc-{number}" for number in range(230)}
    project.add_networks(*names)

    assert {seen.name for seen in connection.visible(None)} == names | {"default"}


def test_a_thousand_networks_are_listed_and_no_more(project: GcpProject, connection: Connection) -> None:
    project.add_networks(*(f"vpc-{number}" for number in range(1020)))

    assert len(connection.visible(None)) == 1000


def test_who_may_list_no_network_is_listed_those_with_rules(project: GcpProject, without_networks: Connection) -> None:
    first, second, _ = project.target(), project.target(), project.target()
    for target in (first, second, first):
        project.add_foreign(target, "198.51.100.7/32")

    assert [seen.identifier for seen in without_networks.visible(None)] == ["network-1", "network-2"]


def test_who_may_not_even_list_rules_is_refused(project: GcpProject, at_gcp: Endpoints) -> None:
    connection = CLOUDS["GCP"].connect(project.credential_data([]), at_gcp)

    with pytest.raises(Refused, match=r"^Permission denied: Service account lacks compute\.firewalls\.list"):
        connection.visible(None)
