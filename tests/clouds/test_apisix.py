"""What is APISIX's own: whitelists that may not be empty, keys that may only look, writers that come between."""

from itertools import count

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Target, Unreachable
from api.clouds.apisix_connection import account_of
from api.clouds.base import before_call
from api.clouds.rules import Kept, Listing, State
from tests.clouds.apisix_standin import ApisixStandIn, answering, racing
from tests.clouds.sites import HERE, a_rule, applied, listed, state

OURS = "81.2.69.142/32"


@pytest.fixture
def connection(apisix: ApisixStandIn, at_apisix: Endpoints) -> Connection:
    return CLOUDS["APISIX"].connect(apisix.credential_data(), at_apisix)


def route(name: str) -> Target:
    return Target(None, name, "GATEWAY_ROUTE")


@pytest.mark.parametrize(
    ("url", "account"),
    [
        ("https://gateway.example.com", "gateway.example.com"),
        ("HTTPS://Gateway.Example.COM:0443/", "gateway.example.com"),
        ("https://gateway.example.com:9180/", "gateway.example.com:9180"),
        ("https://gateway.example.com/Prod", "gateway.example.com/Prod"),
        ("https://gateway.example.com:9280/prod/eu/", "gateway.example.com:9280/prod/eu"),
        ("https://[2001:DB8::443]", "[2001:db8::443]"),
        ("https://[2001:db8::1]:9180", "[2001:db8::1]:9180"),
        ("http://10.0.0.1", "10.0.0.1:80"),
        ("http://10.0.0.1:9180", "10.0.0.1:9180"),
    ],
)
def test_a_gateway_is_told_from_its_neighbours_on_the_host(url: str, account: str) -> None:
    assert account_of(url) == account


@pytest.mark.parametrize("path", ["", "/staging", "/staging/"])
def test_a_credential_is_of_the_gateway_that_its_url_leads_to(
    apisix: ApisixStandIn, at_apisix: Endpoints, path: str
) -> None:
    data = apisix.credential_data() | {"apiUrl": apisix.url + path}

    verified = CLOUDS["APISIX"].connect(data, at_apisix).verify([])

    assert verified.account == f"127.0.0.1:{apisix.port}{path.rstrip('/')}"


def test_the_last_address_leaves_nobody_behind_and_not_an_open_route(
    apisix: ApisixStandIn, connection: Connection
) -> None:
    target = route(apisix.route(["81.2.69.142"]))

    connection.revoke(target, Kept(a_rule(OURS), added=True))

    assert apisix.whitelist(target.identifier) == ["192.0.2.1/32"]


@pytest.mark.parametrize("written", ["81.2.69.142", "81.2.69.142/32"])
def test_an_address_is_found_however_it_is_written(apisix: ApisixStandIn, connection: Connection, written: str) -> None:
    target = route(apisix.route([written]))

    assert state(connection, target, Kept(a_rule(OURS))) is State.PRESENT


def test_a_network_with_host_bits_is_the_network(apisix: ApisixStandIn, connection: Connection) -> None:
    target = route(apisix.route(["81.2.69.142/24"]))

    assert state(connection, target, Kept(a_rule("81.2.69.0/24"))) is State.PRESENT
    assert state(connection, target, Kept(a_rule(OURS))) is State.ABSENT


def test_of_two_equal_entries_one_stays(apisix: ApisixStandIn, connection: Connection) -> None:
    target = route(apisix.route(["81.2.69.142", "81.2.69.142"]))

    connection.revoke(target, Kept(a_rule(OURS), added=True))

    assert apisix.whitelist(target.identifier) == ["81.2.69.142"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("81.2.69.142", "81.2.69.142/32"), ("2a00:1450::1", "2A00:1450::1"), ("81.2.69.0/24", "81.2.69.7/24")],
)
def test_of_equal_entries_the_one_goes_that_is_spelt_as_we_do(
    apisix: ApisixStandIn, connection: Connection, ours: str, theirs: str
) -> None:
    target = route(apisix.route(["198.51.100.7"]))
    kept = applied(connection, target, a_rule(ours))
    apisix.write_whitelist(target.identifier, [theirs, *apisix.whitelist(target.identifier)])

    connection.revoke(target, kept)

    assert apisix.whitelist(target.identifier) == [theirs, "198.51.100.7"]


def test_an_equal_entry_that_comes_while_ours_goes_stays(apisix: ApisixStandIn, connection: Connection) -> None:
    target = route(apisix.route(["198.51.100.7"]))
    kept = applied(connection, target, a_rule(OURS))

    with apisix.failing(racing([OURS])):
        connection.revoke(target, kept)

    assert apisix.whitelist(target.identifier) == ["198.51.100.7", OURS]


def test_an_equal_entry_that_comes_before_ours_is_not_ours(apisix: ApisixStandIn, connection: Connection) -> None:
    target = route(apisix.route(["198.51.100.7"]))

    with apisix.failing(racing([OURS])):
        assert connection.apply(target, Kept(a_rule(OURS))) == ()

    assert apisix.whitelist(target.identifier) == ["198.51.100.7", OURS]


def test_a_removal_that_somebody_undoes_is_done_again(apisix: ApisixStandIn, connection: Connection) -> None:
    """They wrote a list that they had read before."""
    target = route(apisix.route(["198.51.100.7"]))
    kept = applied(connection, target, a_rule(OURS))
    calls = count(1)

    def undo() -> None:
        if next(calls) == 3:  # after our reading and our writing
            apisix.write_whitelist(target.identifier, ["198.51.100.7", "81.2.69.142"])

    token = before_call.set(undo)
    try:
        connection.revoke(target, kept)
    finally:
        before_call.reset(token)

    assert apisix.whitelist(target.identifier) == ["198.51.100.7"]


def test_what_the_row_did_not_add_is_somebody_elses(apisix: ApisixStandIn, connection: Connection) -> None:
    target = route(apisix.route(["81.2.69.142"]))

    found = listed(connection, target, Kept(a_rule(OURS)))
    connection.revoke(target, Kept(a_rule(OURS)))

    assert found.foreign
    assert apisix.whitelist(target.identifier) == ["81.2.69.142"]


@pytest.mark.parametrize(
    ("plugins", "code"),
    [
        ({}, "NoIpRestriction"),
        ({"ip-restriction": {"whitelist": ["198.51.100.7"], "_meta": {"disable": True}}}, "NoIpRestriction"),
        ({"ip-restriction": {"blacklist": ["198.51.100.7"]}}, "HasBlacklist"),
    ],
    ids=["no plugin", "switched off", "blacklist"],
)
def test_a_route_whose_whitelist_decides_nothing_is_refused(
    apisix: ApisixStandIn, connection: Connection, plugins: dict[str, object], code: str
) -> None:
    target = route(apisix.bare_route(plugins=plugins))
    before = apisix.value(target.identifier)

    for ask in (lambda: connection.inspect(target), lambda: connection.apply(target, Kept(a_rule(OURS), added=True))):
        with pytest.raises(Refused) as caught:
            ask()
        assert caught.value.code == code
    assert apisix.value(target.identifier) == before


def test_only_the_whitelist_is_written(apisix: ApisixStandIn, connection: Connection) -> None:
    target = route(apisix.route(plugins={"ip-restriction": {"whitelist": ["198.51.100.7"], "message": "closed"}}))
    before = apisix.value(target.identifier)

    connection.revoke(target, applied(connection, target, a_rule(OURS)))

    assert {**apisix.value(target.identifier), "update_time": 0} == {**before, "update_time": 0}


def test_ours_is_there_though_somebody_wrote_between_our_reading_and_our_writing(
    apisix: ApisixStandIn, connection: Connection
) -> None:
    """Theirs is not: nothing that the gateway answers tells of it."""
    target = route(apisix.route())
    rules = [a_rule(f"81.2.69.{number}/32") for number in range(1, 5)]

    for rule in rules:
        apisix.let_in_meanwhile(target.identifier, f"198.51.100.{rule.address.network_address.packed[-1]}")
        applied(connection, target, rule)

    assert all(state(connection, target, Kept(rule, added=True)) is State.PRESENT for rule in rules)


def test_every_route_is_there_to_choose_from(apisix: ApisixStandIn, connection: Connection) -> None:
    names = {apisix.route() for _ in range(12)}

    seen = {one.identifier: one for one in connection.visible(None)}

    assert names <= set(seen)
    assert seen[next(iter(names))].name == "orders"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answering(200, "<html>Welcome</html>"), "something answered that is not APISIX"),
        (answering(200, "[]"), "something answered that is not APISIX"),
        (answering(404, "<html>no such page at 10.0.0.7</html>"), "something answered that is not APISIX"),
        (answering(500, '{"error_msg": "etcd 10.0.0.7 is away"}'), "something answered that is not APISIX"),
        (answering(200, '{"list": [], "total": 0}'), "something answered that is not APISIX"),
        (answering(302, "", Location="http://169.254.169.254/"), "something answered that is not APISIX"),
    ],
    ids=["page", "list", "page not found", "failure", "yes to everything", "redirect"],
)
def test_what_is_no_gateway_gives_no_verdict_and_its_words_go_no_further(
    apisix: ApisixStandIn, connection: Connection, answer: object, said: str
) -> None:
    with apisix.failing(answer), pytest.raises(Unreachable, match=said) as caught:  # type: ignore[arg-type]
        connection.verify([])

    assert "10.0.0.7" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("key", ["line\r\nX-Other: feed", " feed", "feed\u20131", "фeed", "fé-feed", "feed\0", ""])
def test_a_key_that_no_header_can_hold_is_a_wrong_key(apisix: ApisixStandIn, at_apisix: Endpoints, key: str) -> None:
    connection = CLOUDS["APISIX"].connect({"apiUrl": apisix.url, "apiKey": key}, at_apisix)

    with pytest.raises(Refused) as caught:
        connection.verify([])
    assert str(caught.value) == "Unauthorized: Admin API key is wrong, or has no admin role"


def test_a_key_may_have_blanks_within(apisix: ApisixStandIn, at_apisix: Endpoints) -> None:
    data = {"apiUrl": apisix.url, "apiKey": apisix.key(name="correct horse ~ battery!")}

    assert CLOUDS["APISIX"].connect(data, at_apisix).verify([]).account


@pytest.mark.parametrize(
    "body",
    [
        '{"message": "no Route matched with those values"}',
        '{"message": "Not Found"}',
        '{"message": null}',
        '{"error_msg": "404 Route Not Found"}',
        '{"error_msg": "Unsupported resource type: routes"}',
        '{"error_msg": "Key not found"}',
    ],
)
def test_another_servers_not_found_does_not_mean_that_the_route_is_gone(
    apisix: ApisixStandIn, connection: Connection, body: str
) -> None:
    """A proxy that is being set up anew says so, while the gateway behind it goes on letting in."""
    target = route(apisix.route(["81.2.69.142"]))

    with (
        apisix.failing(answering(404, body)),
        pytest.raises(Unreachable, match="something answered that is not APISIX"),
    ):
        connection.revoke(target, Kept(a_rule(OURS), added=True))


@pytest.mark.parametrize("said", ["Key not found", "key not found"])
def test_the_gateways_not_found_means_that_the_route_is_gone(
    apisix: ApisixStandIn, connection: Connection, said: str
) -> None:
    with apisix.failing(answering(404, f'{{"message": "{said}"}}')), pytest.raises(Refused) as caught:
        connection.inspect(route("orders"))

    assert caught.value.code == "NotFound"


def test_long_routes_are_there_to_choose_from(apisix: ApisixStandIn, connection: Connection) -> None:
    names = {apisix.route(filter_func="a" * 9000) for _ in range(120)}

    seen = {one.identifier for one in connection.visible(None)}

    assert names <= seen
    for name in names:
        apisix.ask("DELETE", name)


def test_no_entry_of_a_whitelist_can_stop_the_others_from_being_read(
    apisix: ApisixStandIn, connection: Connection
) -> None:
    target = route(apisix.route(["198.51.100.7", "2001:db8::1", "10.0.0.1/8"]))

    assert connection.rules(target, HERE, []) == Listing({})
