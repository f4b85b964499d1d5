"""What rules are at Azure beyond what every cloud promises: priorities, spellings, whose they are."""

import uuid
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Target, Unreachable
from api.clouds.base import Full, before_call
from api.clouds.rules import Found, Kept, Ports, Protocol, Rule, State
from tests.clouds.azure_faults import answering, racing
from tests.clouds.azure_standin import AzureStandIn, as_target
from tests.clouds.sites import HERE, a_rule, applied, listed, state

ADDRESS = "81.2.69.142/32"


@pytest.fixture
def connection(azure: AzureStandIn, at_azure: Endpoints) -> Connection:
    return CLOUDS["AZURE"].connect(azure.credential_data(), at_azure)


@pytest.fixture
def target(azure: AzureStandIn) -> Target:
    return azure.target()


def in_band(first: int, last: int) -> Rule:
    return replace(a_rule(ADDRESS), options={"priorityFrom": first, "priorityTo": last})


def priority(azure: AzureStandIn, target: Target, kept: Kept) -> int:
    return int(properties(azure, target, kept)["priority"])


def properties(azure: AzureStandIn, target: Target, kept: Kept) -> dict[str, Any]:
    found = next(rule for rule in azure.rules(target) if rule["name"] == kept.rule.tag.short)
    shown: dict[str, Any] = found["properties"]
    return shown


def test_a_rule_says_whose_it_is_and_lets_one_address_in(
    azure: AzureStandIn, connection: Connection, target: Target
) -> None:
    kept = applied(connection, target, a_rule(ADDRESS, opening="several ports"))

    shown = properties(azure, target, kept)

    assert kept.provider_ids == (kept.rule.tag.short,)
    assert {name: value for name, value in shown.items() if value} == {
        "description": str(kept.rule.tag),
        "protocol": "Tcp",
        "access": "Allow",
        "direction": "Inbound",
        "priority": 1000,
        "sourceAddressPrefix": ADDRESS,
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRanges": ["22", "443"],
        "provisioningState": "Succeeded",
    }


@pytest.mark.parametrize(
    ("protocol", "address", "word"),
    [
        (Protocol.ICMP, ADDRESS, "Icmp"),
        (Protocol.ICMP, "2a00:1450:4001:82a::200e/128", "Icmpv6"),
        (Protocol.ALL, ADDRESS, "*"),
        (Protocol.UDP, ADDRESS, "Udp"),
    ],
)
def test_each_protocol_has_azures_word(
    azure: AzureStandIn, connection: Connection, target: Target, protocol: Protocol, address: str, word: str
) -> None:
    rule = replace(a_rule(address), protocol=protocol, ports=(), address=ip_network(address))

    assert properties(azure, target, applied(connection, target, rule))["protocol"] == word


def test_rules_take_the_lowest_free_priorities(azure: AzureStandIn, connection: Connection, target: Target) -> None:
    azure.add_foreign(target, a_rule("81.2.69.1/32"), priority=1001)
    azure.add_foreign(target, a_rule("81.2.69.2/32"), priority=1002, direction="Outbound")

    taken = [priority(azure, target, applied(connection, target, a_rule(f"81.2.69.{n}/32"))) for n in (10, 11, 12)]

    assert taken == [1000, 1002, 1003]


def test_a_resource_has_its_own_band_of_priorities(azure: AzureStandIn, connection: Connection, target: Target) -> None:
    assert priority(azure, target, applied(connection, target, in_band(300, 310))) == 300


def test_a_band_without_a_free_priority_is_full(azure: AzureStandIn, connection: Connection, target: Target) -> None:
    azure.fill(target, 3, first=300)
    rule = in_band(300, 302)

    free = connection.rules(target, HERE, [Kept(rule)]).free
    with pytest.raises(Full, match=r"^NoFreePriority: "):
        connection.apply(target, Kept(rule))
    assert free == 0


def test_a_priority_is_free_if_only_an_outbound_rule_has_it(
    azure: AzureStandIn, connection: Connection, target: Target
) -> None:
    azure.fill(target, 3, first=300, direction="Outbound")

    assert connection.rules(target, HERE, [Kept(in_band(300, 302))]).free == 3
    assert priority(azure, target, applied(connection, target, in_band(300, 302))) == 300


def test_a_group_holds_a_thousand_rules(azure: AzureStandIn, connection: Connection, target: Target) -> None:
    """A listing of them is longer than the answers of other clouds may be."""
    azure.fill(target, 999, description="x" * 140)

    assert connection.rules(target, HERE, []).free == 1
    kept = applied(connection, target, in_band(3000, 3100))
    assert connection.rules(target, HERE, [kept]).free == 0
    with pytest.raises(Full, match=r"^SecurityRuleCountLimitReached: "):
        connection.apply(target, Kept(in_band(3000, 3100)))


def test_a_priority_that_somebody_takes_meanwhile_is_left_to_them(
    azure: AzureStandIn, connection: Connection, target: Target
) -> None:
    with azure.faulty(racing(2)):
        kept = applied(connection, target, a_rule(ADDRESS))

    assert priority(azure, target, kept) == 1002
    assert listed(connection, target, kept).state is State.PRESENT


def test_somebody_who_is_always_quicker_is_no_verdict(
    azure: AzureStandIn, connection: Connection, target: Target
) -> None:
    with azure.faulty(racing(1000)), pytest.raises(Unreachable, match="priorities"):
        applied(connection, target, a_rule(ADDRESS))


def test_a_rule_that_goes_while_it_is_made_is_no_verdict(
    azure: AzureStandIn, connection: Connection, target: Target
) -> None:
    """A person was quick, or the last call of a worker that was held up came late."""
    rule = a_rule(ADDRESS)

    def remove() -> None:
        if any(each["name"] == rule.tag.short for each in azure.rules(target)):
            azure.remove(target, rule.tag.short)

    token = before_call.set(remove)
    try:
        with pytest.raises(Unreachable, match="removed"):
            applied(connection, target, rule)
    finally:
        before_call.reset(token)
    kept = applied(connection, target, rule)

    assert state(connection, target, kept) is State.PRESENT


def test_an_equal_rule_of_somebody_else_is_said_and_ours_stands_beside_it(
    azure: AzureStandIn, connection: Connection, target: Target
) -> None:
    """Theirs may go at any time, or stand behind a denial."""
    rule = a_rule(ADDRESS)
    azure.add_foreign(target, rule)
    before = azure.everything(target)

    assert listed(connection, target, Kept(rule)) == Found(State.ABSENT, foreign=True)
    kept = applied(connection, target, rule)
    assert listed(connection, target, kept) == Found(State.PRESENT, kept.provider_ids, ours=True, foreign=True)
    connection.revoke(target, kept)

    assert azure.everything(target) == before


@pytest.mark.parametrize("change", [{"access": "Deny"}, {"direction": "Outbound"}, {"destinationPortRange": "444"}])
def test_a_rule_that_does_something_else_is_no_equal_one(
    azure: AzureStandIn, connection: Connection, target: Target, change: dict[str, Any]
) -> None:
    rule = a_rule(ADDRESS)
    if "destinationPortRange" in change:
        change = change | {"destinationPortRanges": None}
    azure.add_foreign(target, rule, **change)

    assert listed(connection, target, Kept(rule)) == Found(State.ABSENT)


def test_a_denial_of_a_person_stands_and_ours_counts_as_there(
    azure: AzureStandIn, connection: Connection, target: Target
) -> None:
    azure.add_foreign(target, a_rule(ADDRESS), access="Deny", priority=110)
    before = azure.everything(target)

    kept = applied(connection, target, a_rule(ADDRESS))

    assert listed(connection, target, kept) == Found(State.PRESENT, kept.provider_ids, ours=True)
    connection.revoke(target, kept)
    assert azure.everything(target) == before


def test_a_right_that_was_taken_away_is_named_at_the_change(
    azure: AzureStandIn, at_azure: Endpoints, target: Target
) -> None:
    data = azure.credential_data(["*/read"])

    with pytest.raises(Refused) as caught:
        CLOUDS["AZURE"].connect(data, at_azure).apply(target, Kept(a_rule(ADDRESS)))

    assert str(caught.value) == (
        "AuthorizationFailed: missing Microsoft.Network/networkSecurityGroups/securityRules/write"
    )


def test_a_lock_on_the_group_is_said_as_such(azure: AzureStandIn, connection: Connection, target: Target) -> None:
    connection.verify([])
    locked = azure.faulty(answering(409, "ScopeLocked", "it names the lock"))
    with locked, pytest.raises(Refused, match=r"^ScopeLocked: A lock on the network security group"):
        connection.revoke(target, Kept(a_rule(ADDRESS)))


def test_no_rule_of_another_subscription_is_touched(azure: AzureStandIn, connection: Connection) -> None:
    """A group of the same name is in the credential's own subscription."""
    own = as_target(azure.group("twin"))
    elsewhere = as_target(azure.group("twin", subscription=azure.new_subscription()))
    before = azure.everything(own)

    for ask in (
        lambda: connection.rules(elsewhere, HERE, []),
        lambda: connection.apply(elsewhere, Kept(a_rule(ADDRESS))),
        lambda: connection.revoke(elsewhere, Kept(a_rule(ADDRESS))),
    ):
        with pytest.raises(Refused, match=r"^SubscriptionMismatch: "):
            ask()
    assert azure.everything(own) == before


def test_a_group_that_went_away_is_gone_for_its_rules_too(azure: AzureStandIn, connection: Connection) -> None:
    target = as_target(azure.group())
    azure.delete_group(target.identifier)

    for ask in (
        lambda: connection.rules(target, HERE, []),
        lambda: connection.apply(target, Kept(a_rule(ADDRESS))),
        lambda: connection.revoke(target, Kept(a_rule(ADDRESS))),
    ):
        with pytest.raises(Refused) as caught:
            ask()
        assert caught.value.code in CLOUDS["AZURE"].gone


@pytest.mark.parametrize("source", ["*", "Internet", "81.2.69.142"])
def test_a_stray_is_found_whatever_became_of_its_source(
    azure: AzureStandIn, connection: Connection, target: Target, source: str
) -> None:
    kept = applied(connection, target, a_rule(ADDRESS))
    azure.change(target, kept.rule.tag.short, sourceAddressPrefix=source)

    (stray,) = connection.rules(target, HERE, []).strays
    connection.revoke(target, stray)

    assert stray.rule.tag == kept.rule.tag
    assert azure.rules(target) == []


def test_a_rule_of_another_name_is_not_ours_whatever_it_says(
    azure: AzureStandIn, connection: Connection, target: Target
) -> None:
    rule = a_rule(ADDRESS)
    azure.add_foreign(target, rule, name="office", description=str(rule.tag))
    azure.add_foreign(target, rule, name=f"eg-{uuid.uuid4().hex}")

    assert connection.rules(target, HERE, []).strays == ()
    assert listed(connection, target, Kept(rule)).provider_ids == ()


def test_a_range_of_ports_is_one_rule(azure: AzureStandIn, connection: Connection, target: Target) -> None:
    rule = replace(a_rule(ADDRESS), ports=(Ports(80, 90), Ports(443, 443)))

    kept = applied(connection, target, rule)

    assert properties(azure, target, kept)["destinationPortRanges"] == ["443", "80-90"]
    assert state(connection, target, kept) is State.PRESENT
