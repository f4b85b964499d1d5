"""Which addresses are believed, and which are called."""

import ipaddress

import pytest

from api.errors import InvalidInput
from api.network import client_address, may_be_called, may_be_let_in, parse_address, parse_network, plainly
from tests.addresses import DOCUMENTATION, FORBIDDEN, LOOPBACK, PUBLIC
from tests.refused import refused

# Addresses


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("255.255.255.255", "255.255.255.255"),
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ("::1", "::1"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("::ffff:0808:0808", "8.8.8.8"),
        ("0:0:0:0:0:ffff:127.0.0.1", "127.0.0.1"),
        ("64:ff9b::808:808", "64:ff9b::808:808"),
    ],
)
def test_an_address_is_read(written: str, address: str) -> None:
    assert str(parse_address(written)) == address


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        " 8.8.8.8",
        "8.8.8.8 ",
        "8.8.8.8\n",
        "8.8.8.8\0",
        "8.8.8.8:99",
        "8.8.8.8/32",
        "8.8.8",
        "8.8.8.8.8",
        "8.8.8.256",
        "08.8.8.8",
        "0x8.8.8.8",
        "134744072",
        "8.8.8.8,9.9.9.9",
        "[2001:db8::1]",
        "[2001:db8::1]:443",
        "2001:db8::1%eth0",
        "fe80::1%1",
        "2001:db8::1/128",
        "2001:db8:::1",
        "2001:db8::1::2",
        "12345::",
        "::ffff:8.8.8.256",
        "unknown",
        "localhost",
        "<script>",
        "８.8.8.8",  # noqa: RUF001 — a full-width digit
        "٨.8.8.8",
        "1" * 10_000,
    ],
)
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput):
        parse_address(written)


# Clients


def test_without_proxies_the_connection_tells() -> None:
    assert str(client_address("203.0.113.7", [], 0)) == "203.0.113.7"


def test_without_proxies_no_header_is_believed() -> None:
    assert str(client_address("203.0.113.7", ["198.51.100.1"], 0)) == "203.0.113.7"


def test_one_proxy_s_entry_is_the_last() -> None:
    assert str(client_address("10.0.0.2", ["198.51.100.1, 203.0.113.7"], 1)) == "203.0.113.7"


def test_behind_two_proxies_the_last_but_one_counts() -> None:
    assert str(client_address("10.0.0.2", ["198.51.100.1, 203.0.113.7, 10.0.0.3"], 2)) == "203.0.113.7"


def test_several_headers_are_one_list() -> None:
    assert str(client_address("10.0.0.2", ["198.51.100.1", "203.0.113.7,10.0.0.3"], 2)) == "203.0.113.7"
    assert str(client_address("10.0.0.2", ["198.51.100.1,203.0.113.7", "10.0.0.3"], 2)) == "203.0.113.7"


def test_a_caller_s_nonsense_before_the_proxy_s_entry_does_not_matter() -> None:
    assert str(client_address("10.0.0.2", ["<script>, , ::%, 203.0.113.7"], 1)) == "203.0.113.7"


def test_a_client_in_ipv6_clothes_is_ipv4() -> None:
    assert str(client_address("::ffff:203.0.113.7", [], 0)) == "203.0.113.7"


def test_tabs_and_blanks_around_an_entry_do_not_matter() -> None:
    assert str(client_address(None, ["198.51.100.1,\t 203.0.113.7 "], 1)) == "203.0.113.7"


@pytest.mark.parametrize(
    ("remote_address", "headers", "proxies"),
    [
        (None, [], 0),
        ("", [], 0),
        ("unix:", [], 0),
        ("fe80::1%eth0", [], 0),
        ("10.0.0.2", [], 1),
        ("10.0.0.2", [""], 1),
        ("10.0.0.2", ["203.0.113.7"], 2),
        ("10.0.0.2", ["203.0.113.7,"], 1),
        ("10.0.0.2", ["203.0.113.7, <script>"], 1),
        ("10.0.0.2", ["203.0.113.7:4711"], 1),
        ("10.0.0.2", ["unknown"], 1),
        ("10.0.0.2", ["203.0.113.7", ""], 1),
        ("10.0.0.2", ["203.0.113.7\v"], 1),
        ("10.0.0.2", ["X203.0.113.7"], 1),
    ],
)
def test_an_address_that_cannot_be_told_is_refused(
    remote_address: str | None, headers: list[str], proxies: int
) -> None:
    with pytest.raises(InvalidInput):
        client_address(remote_address, headers, proxies)


def test_a_refused_address_is_told_why() -> None:
    with refused(InvalidInput, "This is not an IP address."):
        parse_address("unknown")
    with refused(InvalidInput, "The request did not come through the proxies that stand before this server."):
        client_address("10.0.0.2", ["203.0.113.7"], 2)


# What may be called


@pytest.mark.parametrize("written", PUBLIC)
def test_a_public_address_may_be_called(written: str) -> None:
    assert may_be_called(ipaddress.ip_address(written), [])


@pytest.mark.parametrize("written", FORBIDDEN)
def test_an_address_that_is_not_public_may_not_be_called(written: str) -> None:
    assert not may_be_called(ipaddress.ip_address(written), [])


@pytest.mark.parametrize("written", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"])
def test_an_allowed_network_may_be_called_however_its_address_is_written(written: str) -> None:
    assert may_be_called(ipaddress.ip_address(written), LOOPBACK)


@pytest.mark.parametrize("written", ["10.0.0.1", "169.254.169.254", "::", "::127.0.0.1", "2002:7f00:1::"])
def test_allowing_one_network_allows_no_other(written: str) -> None:
    assert not may_be_called(ipaddress.ip_address(written), LOOPBACK)


# Networks


@pytest.mark.parametrize(
    ("written", "network", "plain"),
    [
        ("8.8.8.8", "8.8.8.8/32", "8.8.8.8"),
        ("8.8.8.8/32", "8.8.8.8/32", "8.8.8.8"),
        ("8.8.8.0/24", "8.8.8.0/24", "8.8.8.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::1", "2001:db8::1/128", "2001:db8::1"),
        ("2001:db8::/32", "2001:db8::/32", "2001:db8::/32"),
        ("::ffff:8.8.8.8", "8.8.8.8/32", "8.8.8.8"),
    ],
)
def test_a_network_is_read_and_written_plainly(written: str, network: str, plain: str) -> None:
    assert str(parse_network(written)) == network
    assert plainly(parse_network(written)) == plain


@pytest.mark.parametrize(
    "written",
    [
        *("", "/", "/24", "8.8.8.8/", "8.8.8.8/33", "8.8.8.8/24", "8.8.8.0/024", "8.8.8.0/+24", "8.8.8.0/ 24"),
        *("8.8.8.0/255.255.255.0", "8.8.8.0/0.0.0.255", "8.8.8.0/24/24", "8.8.8.0/24\n", "8.8.8.0/-1", "8.8.8.0/٢٤"),
        *("2001:db8::1%eth0", "2001:db8::%eth0/64", "2001:db8::1/64", "fe80::%1/128", "host/24"),
    ],
)
def test_what_is_no_network_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput):
        parse_network(written)


def test_whoever_writes_no_network_is_told_what_one_looks_like() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_network("8.8.8.8/33")

    assert str(refused.value) == "This is neither an IP address nor a network like 203.0.113.0/24."


@pytest.mark.parametrize("address", [*(each for each in PUBLIC if not each.startswith("64:")), *DOCUMENTATION])
def test_a_public_address_may_be_let_in(address: str) -> None:
    assert may_be_let_in(parse_network(address), ())


@pytest.mark.parametrize("address", [each for each in FORBIDDEN if each not in DOCUMENTATION])
def test_an_address_that_is_not_public_is_let_in_only_where_the_operator_allows(address: str) -> None:
    network = parse_network(address)

    assert not may_be_let_in(network, ())
    assert may_be_let_in(network, [network])
    assert not may_be_let_in(network, [ipaddress.ip_network("10.255.0.0/16"), ipaddress.ip_network("fd99::/16")])


@pytest.mark.parametrize("written", ["0.0.0.0/0", "::/0", "8.0.0.0/5", "172.0.0.0/8", "2000::/3", "::/2"])
def test_a_network_with_something_private_in_it_is_not_let_in(written: str) -> None:
    assert not may_be_let_in(ipaddress.ip_network(written), [ipaddress.ip_network("10.0.0.0/8")])


def test_a_network_is_let_in_only_as_a_whole() -> None:
    allowed = [ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00:1::/32")]

    assert may_be_let_in(ipaddress.ip_network("10.1.2.0/24"), allowed)
    assert may_be_let_in(ipaddress.ip_network("fd00:1:2::/64"), allowed)
    assert not may_be_let_in(ipaddress.ip_network("10.0.0.0/15"), allowed)
    assert not may_be_let_in(ipaddress.ip_network("10.2.0.0/24"), allowed)
