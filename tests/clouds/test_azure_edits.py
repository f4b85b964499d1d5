"""What a person may do to a rule of ours at Azure, and what of it counts."""

from typing import Any

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Target
from api.clouds.rules import Found, Kept, State
from tests.clouds.azure_standin import AzureStandIn
from tests.clouds.sites import a_rule, applied, listed

ADDRESS = "81.2.69.142/32"


@pytest.fixture
def connection(azure: AzureStandIn, at_azure: Endpoints) -> Connection:
    return CLOUDS["AZURE"].connect(azure.credential_data(), at_azure)


@pytest.fixture
def target(azure: AzureStandIn) -> Target:
    return azure.target()


def properties(azure: AzureStandIn, target: Target, kept: Kept) -> dict[str, Any]:
    found = next(rule for rule in azure.rules(target) if rule["name"] == kept.rule.tag.short)
    shown: dict[str, Any] = found["properties"]
    return shown


@pytest.mark.parametrize(
    "change",
    [
        {"access": "Deny"},
        {"direction": "Outbound"},
        {"protocol": "Udp"},
        {"destinationPortRange": "444"},
        {"destinationPortRange": None, "destinationPortRanges": ["443", "444"]},
        {"destinationPortRange": "*"},
        {"sourceAddressPrefix": "*"},
        {"sourceAddressPrefix": "81.2.69.0/24"},
        {"sourceAddressPrefix": None, "sourceAddressPrefixes": [ADDRESS, "81.2.69.143/32"]},
        {"sourcePortRange": "1024-65535"},
        {"destinationAddressPrefix": "10.0.0.4"},
        {"destinationAddressPrefix": "VirtualNetwork"},
        {"destinationAddressPrefix": None, "destinationApplicationSecurityGroups": [{"id": "/subscriptions/1/asg"}]},
        {"sourceAddressPrefix": None, "sourceApplicationSecurityGroups": [{"id": "/subscriptions/1/asg"}]},
        {"priority": 4000},
    ],
    ids=str,
)
def test_what_a_person_changed_is_told_and_made_right(
    azure: AzureStandIn, connection: Connection, target: Target, change: dict[str, Any]
) -> None:
    kept = applied(connection, target, a_rule(ADDRESS))
    right = properties(azure, target, kept)
    azure.change(target, kept.rule.tag.short, **change)
    assert listed(connection, target, kept) == Found(State.EDITED, kept.provider_ids, ours=True)

    assert connection.apply(target, kept) == kept.provider_ids

    assert properties(azure, target, kept) == right
    assert listed(connection, target, kept).state is State.PRESENT


@pytest.mark.parametrize(
    "change",
    [
        {"description": "lunch"},
        {"priority": 1234},
        {"protocol": "TCP"},
        {"sourceAddressPrefix": "81.2.69.142"},
        {"sourceAddressPrefix": None, "sourceAddressPrefixes": [ADDRESS]},
        {"destinationPortRange": None, "destinationPortRanges": ["443-443"]},
        {"sourcePortRange": "0-65535"},
    ],
    ids=str,
)
def test_what_makes_no_difference_is_left_as_it_is(
    azure: AzureStandIn, connection: Connection, target: Target, change: dict[str, Any]
) -> None:
    kept = applied(connection, target, a_rule(ADDRESS))
    azure.change(target, kept.rule.tag.short, **change)
    before = azure.everything(target)

    assert listed(connection, target, kept).state is State.PRESENT
    assert connection.apply(target, kept) == kept.provider_ids
    assert azure.everything(target) == before
