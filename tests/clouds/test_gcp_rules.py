"""Rules as Google keeps them: how they look there, what counts as edited, and what is waited for."""

import uuid
from dataclasses import replace
from ipaddress import ip_network

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Target, Unreachable
from api.clouds.base import Full
from api.clouds.rules import Found, Kept, Ports, Protocol, Rule, State, Tag
from tests.clouds.gcp_standin import GcpProject, GcpStandIn, answering, losing_answers
from tests.clouds.sites import HERE, a_rule, listed, state

ADDRESS = "81.2.69.142/32"


@pytest.fixture
def project(gcp: GcpStandIn) -> GcpProject:
    return gcp.project()


@pytest.fixture
def connection(project: GcpProject, at_gcp: Endpoints) -> Connection:
    return CLOUDS["GCP"].connect(project.credential_data(), at_gcp)


@pytest.fixture
def target(project: GcpProject) -> Target:
    return project.target()


@pytest.fixture
def kept(connection: Connection, target: Target) -> Kept:
    """A rule that is applied."""
    rule = a_rule(ADDRESS)
    return Kept(rule, connection.apply(target, Kept(rule)))


def made(project: GcpProject, rule: Rule) -> dict[str, object]:
    """What was made of a rule, but for what Google adds."""
    added = ("id", "creationTimestamp", "selfLink", "kind", "logConfig")
    return {name: value for name, value in project.firewalls()[rule.tag.short].items() if name not in added}


def test_a_rule_is_one_firewall_rule_that_says_whose_it_is(
    project: GcpProject, connection: Connection, target: Target
) -> None:
    rule = Rule(
        tag=Tag(HERE, uuid.uuid4()),
        address=ip_network(ADDRESS),
        ports=(Ports(22, 22), Ports(8000, 8100)),
        options={"priority": 7, "targetTags": ["web", "db"]},
    )

    assert connection.apply(target, Kept(rule)) == (rule.tag.short,)

    assert made(project, rule) == {
        "name": rule.tag.short,
        "description": str(rule.tag),
        "network": f"https://www.googleapis.com/compute/v1/projects/{project.name}/global/networks/network-1",
        "direction": "INGRESS",
        "disabled": False,
        "priority": 7,
        "sourceRanges": [ADDRESS],
        "targetTags": ["web", "db"],
        "allowed": [{"IPProtocol": "tcp", "ports": ["22", "8000-8100"]}],
    }


@pytest.mark.parametrize("written", [ADDRESS, "81.2.69.0/24", "2a00:1450:4001:82a::200e/128"])
@pytest.mark.parametrize("protocol", Protocol)
def test_no_rule_is_without_a_source(
    project: GcpProject, connection: Connection, target: Target, written: str, protocol: Protocol
) -> None:
    rule = Rule(tag=Tag(HERE, uuid.uuid4()), address=ip_network(written), protocol=protocol)

    connection.apply(target, Kept(rule))

    assert made(project, rule)["sourceRanges"] == [written]
    assert made(project, rule)["priority"] == 1000
    connection.revoke(target, Kept(rule))
    assert rule.tag.short not in project.firewalls()


@pytest.mark.parametrize(
    "edit",
    [
        {"disabled": True},
        {"priority": 999},
        {"sourceRanges": ["0.0.0.0/0"]},
        {"sourceRanges": [ADDRESS, "198.51.100.7/32"]},
        {"sourceTags": ["web"]},
        {"sourceServiceAccounts": ["a@example.com"]},
        {"targetTags": ["web"]},
        {"targetServiceAccounts": ["a@example.com"]},
        {"destinationRanges": ["10.0.0.0/8"]},
        {"allowed": [{"IPProtocol": "tcp"}]},
        {"allowed": [{"IPProtocol": "tcp", "ports": ["443", "22"]}]},
        {"allowed": [{"IPProtocol": "tcp", "ports": ["443"]}, {"IPProtocol": "udp"}]},
        {"allowed": None, "denied": [{"IPProtocol": "tcp", "ports": ["443"]}]},
    ],
    ids=str,
)
def test_what_lets_through_more_or_less_is_edited_and_made_right(
    project: GcpProject, connection: Connection, target: Target, kept: Kept, edit: dict[str, object]
) -> None:
    before = project.everything(target)
    project.does("patch", kept.rule.tag.short, edit)

    assert listed(connection, target, kept) == Found(State.EDITED, kept.provider_ids, ours=True)
    assert connection.apply(target, kept) == kept.provider_ids
    assert project.everything(target) == before


@pytest.mark.parametrize("change", [{"network": "global/networks/default"}, {"direction": "EGRESS"}], ids=str)
def test_what_a_person_put_in_its_place_is_edited_and_made_right(
    project: GcpProject, connection: Connection, target: Target, kept: Kept, change: dict[str, object]
) -> None:
    before, name = project.everything(target), kept.rule.tag.short
    ours = {key: value for key, value in project.firewalls()[name].items() if key != "sourceRanges"}
    source = {} if "direction" in change else {"sourceRanges": [ADDRESS]}
    project.does("delete", name)
    project.does("insert", ours | source | change)

    assert state(connection, target, kept) is State.EDITED
    connection.apply(target, kept)
    assert project.everything(target) == before
    assert list(project.firewalls()) == [name]


@pytest.mark.parametrize(
    "edit",
    [
        {"description": "for Ada"},
        {"logConfig": {"enable": True}},
        {"sourceRanges": ["81.2.69.142"]},
        {"allowed": [{"IPProtocol": "6", "ports": ["443-443"]}]},
    ],
    ids=str,
)
def test_what_lets_through_the_same_is_left_as_it_is(
    project: GcpProject, connection: Connection, target: Target, kept: Kept, edit: dict[str, object]
) -> None:
    project.does("patch", kept.rule.tag.short, edit)
    before = project.everything(target)

    assert state(connection, target, kept) is State.PRESENT
    connection.apply(target, kept)
    assert project.everything(target) == before


@pytest.mark.parametrize(
    ("difference", "foreign"),
    [
        ({}, True),
        ({"description": "the office"}, True),
        ({"disabled": True}, False),
        ({"priority": 999}, False),
        ({"network": "global/networks/default"}, False),
        ({"targetTags": ["web"]}, False),
        ({"allowed": None, "denied": [{"IPProtocol": "tcp", "ports": ["443"]}]}, False),
        ({"sourceRanges": [ADDRESS, "198.51.100.7/32"]}, False),
    ],
    ids=str,
)
def test_only_an_equal_rule_of_somebody_else_counts(
    project: GcpProject, connection: Connection, target: Target, difference: dict[str, object], foreign: bool
) -> None:
    project.add_foreign(target, ADDRESS, **difference)
    rule = a_rule(ADDRESS)

    assert listed(connection, target, Kept(rule)) == Found(State.ABSENT, foreign=foreign)
    ids = connection.apply(target, Kept(rule))
    assert listed(connection, target, Kept(rule)) == Found(State.PRESENT, ids, ours=True, foreign=foreign)


def test_an_equal_rule_of_our_own_is_a_stray_and_not_somebody_elses(
    connection: Connection, target: Target, kept: Kept
) -> None:
    again = a_rule(ADDRESS)

    listing = connection.rules(target, HERE, [Kept(again)])

    assert listing.found[again.tag] == Found(State.ABSENT)
    assert [stray.rule.tag for stray in listing.strays] == [kept.rule.tag]
    assert listing.strays[0].provider_ids == kept.provider_ids


def test_a_stray_on_another_network_is_not_this_ones(project: GcpProject, connection: Connection, kept: Kept) -> None:
    assert connection.rules(project.target(), HERE, []).strays == ()


def test_a_rule_is_found_behind_many_pages_of_others(
    project: GcpProject, connection: Connection, target: Target, kept: Kept
) -> None:
    foreign = project.add_foreign(target, "198.51.100.7/32")
    one, ours = (project.firewalls()[name] for name in (foreign, kept.rule.tag.short))
    many = {f"a-{number}": {**one, "name": f"a-{number}"} for number in range(250)}
    project.set(firewalls={**many, kept.rule.tag.short: ours})

    assert state(connection, target, kept) is State.PRESENT


def test_a_change_is_waited_for(project: GcpProject, connection: Connection, target: Target) -> None:
    project.set(operation_seconds=0.5)
    before = len(project.google.calls)

    connection.apply(target, Kept(a_rule(ADDRESS)))

    asked = [call for call in project.google.calls[before:] if "/operations/" in call]
    assert 1 < len(asked) < 10


def test_a_change_that_takes_too_long_is_looked_for_later(
    project: GcpProject, at_gcp: Endpoints, target: Target
) -> None:
    connection = CLOUDS["GCP"].connect(project.credential_data(), replace(at_gcp, read_seconds=1.0))
    project.set(operation_seconds=60.0)
    rule = a_rule(ADDRESS)

    with pytest.raises(Unreachable, match="not finished"):
        connection.apply(target, Kept(rule))

    assert state(connection, target, Kept(rule)) is State.PRESENT


@pytest.mark.parametrize(
    ("code", "failure", "said"),
    [
        ("QUOTA_EXCEEDED", Full, "quotaExceeded: Project has no room"),
        ("RESOURCE_NOT_FOUND", Refused, "notFound: "),
        ("PERMISSIONS_ERROR", Refused, "Permission denied: Service account lacks required compute permissions"),
        ("SOMETHING_NEW", Refused, "SOMETHING_NEW: Google refuses this"),
        ("INTERNAL_ERROR", Unreachable, "Google asks to come back later"),
        ("RESOURCE_NOT_READY", Unreachable, "Google asks to come back later"),
    ],
)
def test_what_an_operation_ends_in_is_told_like_an_answer(
    project: GcpProject, connection: Connection, target: Target, code: str, failure: type[Exception], said: str
) -> None:
    project.set(operation_error=code)

    with pytest.raises(failure) as caught:
        connection.apply(target, Kept(a_rule(ADDRESS)))

    assert str(caught.value).startswith(said)
    assert "secret" not in str(caught.value)


def test_an_operation_that_is_not_found_is_not_a_rule_that_is_not_there(
    project: GcpProject, connection: Connection, target: Target, kept: Kept
) -> None:
    project.set(operation_seconds=60.0)
    lost = answering(404, "notFound", services=["operations"])

    with project.google.faulty(lost), pytest.raises(Unreachable, match="what became of the change"):
        connection.revoke(target, kept)


def test_a_rule_that_is_being_changed_is_come_back_to(
    project: GcpProject, connection: Connection, target: Target, kept: Kept
) -> None:
    project.set(operation_seconds=60.0)
    project.does("patch", kept.rule.tag.short, {"priority": 999})

    for attempt in (lambda: connection.revoke(target, kept), lambda: connection.apply(target, kept)):
        with pytest.raises(Unreachable, match="resourceNotReady"):
            attempt()


def test_a_network_that_is_gone_is_said_when_a_rule_is_to_be_made(connection: Connection) -> None:
    with pytest.raises(Refused) as caught:
        connection.apply(Target(None, "nowhere", "FIREWALL"), Kept(a_rule(ADDRESS)))

    assert caught.value.code in CLOUDS["GCP"].gone


def test_a_change_whose_answer_got_lost_is_asked_for_again_and_made_once(
    project: GcpProject, connection: Connection, target: Target
) -> None:
    connection.verify([])
    rule, before = a_rule(ADDRESS), len(project.google.calls)

    with project.google.faulty(losing_answers(once=True)):
        assert connection.apply(target, Kept(rule)) == (rule.tag.short,)

    inserts = [call for call in project.google.calls[before:] if call.startswith("POST /compute")]
    assert len(inserts) == 2
    assert len(set(inserts)) == 1, "under one requestId"


def test_every_change_has_an_id_of_its_own(project: GcpProject, connection: Connection, target: Target) -> None:
    """Google would take a second one under the same id for made, and make nothing."""
    rule = a_rule(ADDRESS)
    for _ in range(2):
        connection.apply(target, Kept(rule))
        connection.revoke(target, Kept(rule))
    connection.apply(target, Kept(rule))

    assert state(connection, target, Kept(rule)) is State.PRESENT


def test_a_token_that_is_not_taken_any_more_is_renewed(
    project: GcpProject, connection: Connection, target: Target, kept: Kept
) -> None:
    project.google.forget_tokens()

    assert state(connection, target, kept) is State.PRESENT


def test_our_rule_is_found_beside_long_ones_of_others(
    project: GcpProject, connection: Connection, target: Target, kept: Kept
) -> None:
    ranges = [f"100.{number // 256}.{number % 256}.0/24" for number in range(5000)]  # as many as a rule may have
    for _ in range(15):
        project.add_foreign(target, ADDRESS, sourceRanges=ranges)

    assert state(connection, target, kept) is State.PRESENT
