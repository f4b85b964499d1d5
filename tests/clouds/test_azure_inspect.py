"""What a look at a network security group tells."""

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Seen, Target
from tests.clouds.azure_standin import (
    ASK,
    DELETE,
    LEAST_PRIVILEGE,
    LOOK,
    LOOK_AT_RULES,
    WRITE,
    AzureStandIn,
    as_target,
)


@pytest.fixture
def connection(azure: AzureStandIn, at_azure: Endpoints) -> Connection:
    return CLOUDS["AZURE"].connect(azure.credential_data(), at_azure)


def refusal_of(connection: Connection, target: Target) -> str:
    with pytest.raises(Refused) as caught:
        connection.inspect(target)
    return str(caught.value)


def test_a_group_is_seen_as_the_cloud_shows_it(azure: AzureStandIn, connection: Connection) -> None:
    group = azure.group("orders", "web-tier")

    assert connection.inspect(as_target(group)) == Seen(group, "orders", "web-tier, westeurope", None)


def test_case_does_not_matter(azure: AzureStandIn, connection: Connection) -> None:
    group = azure.group()

    assert connection.inspect(as_target(group.upper())).name == group.rsplit("/", 1)[-1]


def test_names_arrive_with_every_character_that_they_may_have(azure: AzureStandIn, connection: Connection) -> None:
    group = azure.group("a.b-c_d", "web(blue).eu_1-x")

    assert connection.inspect(as_target(group)).name == "a.b-c_d"


def test_a_group_that_is_not_there_is_refused_by_its_code(azure: AzureStandIn, connection: Connection) -> None:
    assert refusal_of(connection, as_target(azure.no_group())) == (
        "ResourceNotFound: Network security group doesn't exist in its resource group"
    )


def test_a_group_of_another_subscription_is_refused_without_asking(azure: AzureStandIn, connection: Connection) -> None:
    elsewhere = azure.group(subscription=azure.new_subscription())
    before = azure.calls

    assert refusal_of(connection, as_target(elsewhere)) == (
        "SubscriptionMismatch: Network security group is in another subscription than the credential's"
    )
    assert azure.calls == before


@pytest.mark.parametrize("identifier", ["gateway", "/subscriptions/1/resourceGroups/../x", ""])
def test_what_is_no_id_of_a_group_is_refused_without_asking(
    azure: AzureStandIn, connection: Connection, identifier: str
) -> None:
    before = azure.calls

    assert refusal_of(connection, as_target(identifier)).startswith("InvalidResourceId: ")
    assert azure.calls == before


@pytest.mark.parametrize("missing", [LOOK, LOOK_AT_RULES, WRITE, DELETE, ASK])
def test_the_permission_that_is_missing_on_the_group_is_named(
    azure: AzureStandIn, at_azure: Endpoints, missing: str
) -> None:
    data = azure.credential_data([right for right in LEAST_PRIVILEGE if right != missing])

    refused = refusal_of(CLOUDS["AZURE"].connect(data, at_azure), azure.target())

    assert refused == f"AuthorizationFailed: missing {missing}"


def test_what_a_credential_can_see_is_listed(azure: AzureStandIn, connection: Connection) -> None:
    group = azure.group("payments")

    assert Seen(group, "payments", "production, westeurope", None) in connection.visible(None)


def test_nothing_is_listed_that_may_not_be_seen(azure: AzureStandIn, at_azure: Endpoints) -> None:
    own, foreign = azure.group(), azure.group()
    principal = azure.principal(scopes=[own])

    seen = CLOUDS["AZURE"].connect(principal.credential_data, at_azure).visible(None)

    assert [each.identifier for each in seen] == [own]
    assert foreign != own


def test_pages_are_read_until_there_are_a_thousand_groups(azure: AzureStandIn, at_azure: Endpoints) -> None:
    subscription = azure.new_subscription()
    for number in range(1050):
        azure.group(f"group-{number}", subscription=subscription)
    principal = azure.principal(subscription=subscription)

    assert len(CLOUDS["AZURE"].connect(principal.credential_data, at_azure).visible(None)) == 1000
