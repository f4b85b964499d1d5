"""Which addresses are believed, and which are called."""

import ipaddress

import pytest

from api.errors import InvalidInput, UnsafeUrl
from api.network import check_url, client_address, may_be_called, parse_address

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

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
    ],
)
def test_an_address_that_cannot_be_told_is_refused(
    remote_address: str | None, headers: list[str], proxies: int
) -> None:
    with pytest.raises(InvalidInput):
        client_address(remote_address, headers, proxies)


# What may be called

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.0",
    "168.63.129.15",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:82a::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]
FORBIDDEN = [
    "0.0.0.0",  # noqa: S104 — nothing binds to it
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::168.63.129.16",
    "64:ff9b:1::1",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2002:808:808::",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "ffff::",
]


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


# URLs


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://apisix.example.com", "https://apisix.example.com"),
        ("https://apisix.example.com/", "https://apisix.example.com"),
        ("HTTPS://APISIX.Example.COM", "https://apisix.example.com"),
        ("https://apisix.example.com:443", "https://apisix.example.com"),
        ("https://apisix.example.com:9180", "https://apisix.example.com:9180"),
        ("https://apisix.example.com:9180/", "https://apisix.example.com:9180"),
        ("https://apisix.example.com:80", "https://apisix.example.com:80"),
        ("https://example.com/gateways/one.two/", "https://example.com/gateways/one.two"),
        ("https://example.com/Gateways/~a_b-c/..x", "https://example.com/Gateways/~a_b-c/..x"),
        ("https://apisix", "https://apisix"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://1.example", "https://1.example"),
        ("https://8.8.8.8", "https://8.8.8.8"),
        ("https://8.8.8.8:9180", "https://8.8.8.8:9180"),
        ("https://[2606:4700::1111]:9180", "https://[2606:4700::1111]:9180"),
    ],
)
def test_a_safe_url_comes_back_in_its_plain_form(url: str, plain: str) -> None:
    assert check_url(url, []) == plain


UNSAFE = [
    # another scheme, or none
    "",
    "apisix.example.com",
    "//apisix.example.com",
    "http://apisix.example.com",
    "http://8.8.8.8",
    "ftp://apisix.example.com",
    "file:///etc/passwd",
    "gopher://apisix.example.com",
    "javascript:alert(1)",
    "https:apisix.example.com",
    "https:/apisix.example.com",
    "https:///apisix.example.com",
    "httpss://apisix.example.com",
    "https+unix://apisix.example.com",
    # more than scheme, host, port and path
    "https://user@apisix.example.com",
    "https://user:password@apisix.example.com",
    "https://@apisix.example.com",
    "https://apisix.example.com@169.254.169.254",
    "https://apisix.example.com?",
    "https://apisix.example.com/?x=1",
    "https://apisix.example.com#",
    "https://apisix.example.com/#x",
    "https://apisix.example.com#@169.254.169.254",
    "https://apisix.example.com;x",
    "https://apisix.example.com\\@169.254.169.254",
    "https:\\\\apisix.example.com",
    # blanks, controls, escapes, other alphabets
    " https://apisix.example.com",
    "https://apisix.example.com ",
    "https://apisix.example.com\n",
    "https://apisix.example.com\r\nHost: x",
    "ht\ttps://apisix.example.com",
    "https://apisix.exa\tmple.com",
    "https://apisix.example.com\0",
    "https://apisix.example.com/a b",
    "https://apisix.example.com/%2e%2e",
    "https://%31%32%37.0.0.1",
    "https://apisix.example.com/ä",
    "https://bücher.example",
    "https://①②⑦.0.0.1",
    "https://127。0。0。1",
    "https://apisix.example.ｃom",  # noqa: RUF001 — a full-width letter
    # paths that climb
    "https://apisix.example.com/..",
    "https://apisix.example.com/../admin",
    "https://apisix.example.com/a/../b",
    "https://apisix.example.com/./b",
    "https://apisix.example.com/a/.",
    "https://apisix.example.com//b",
    "https://apisix.example.com/a//",
    # hosts that are none
    "https://",
    "https://.",
    "https://.example.com",
    "https://apisix..example.com",
    "https://apisix.example.com.",
    "https://-apisix.example.com",
    "https://apisix-.example.com",
    "https://api_six.example.com",
    "https://*.example.com",
    "https://[",
    "https://[]",
    "https://[::1",
    "https://[apisix.example.com]",
    "https://[8.8.8.8]x",
    "https://[2606:4700::1111%25eth0]",
    "https://[2606:4700::1111]]",
    "https://2606:4700::1111",
    f"https://{'a' * 64}.example.com",
    f"https://{'a.' * 127}example",
    f"https://apisix.example.com/{'a' * 2048}",
    # ports
    "https://apisix.example.com:",
    "https://apisix.example.com:0",
    "https://apisix.example.com:22",
    "https://apisix.example.com:25",
    "https://apisix.example.com:65536",
    "https://apisix.example.com:99999",
    "https://apisix.example.com:+443",
    "https://apisix.example.com:-1",
    "https://apisix.example.com:4 43",
    "https://apisix.example.com:٤٤٣",
    "https://apisix.example.com:443:443",
    "https://apisix.example.com:http",
    # loopback and its friends, however they are written
    "https://localhost",
    "https://LOCALHOST:9180",
    "https://x.localhost",
    "https://127.0.0.1",
    "https://127.1",
    "https://127.0.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://0X7F.1",
    "https://0x7f.0.0.0x1",
    "https://0177.0.0.1",
    "https://017700000001",
    "https://127.0.0.0x",
    "https://example.1",
    "https://example.0x1",
    "https://0",
    "https://0.0.0.0",
    "https://8.8.8",
    "https://[::1]",
    "https://[::]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:7f00:1]",
    "https://[::127.0.0.1]",
    "https://[64:ff9b::127.0.0.1]",
    "https://169.254.169.254/latest",
    "https://[fd00:ec2::254]",
    "https://10.0.0.1",
    "https://168.63.129.16",
]


@pytest.mark.parametrize("url", UNSAFE)
def test_an_unsafe_url_is_refused(url: str) -> None:
    with pytest.raises(UnsafeUrl):
        check_url(url, [])


@pytest.mark.parametrize("address", FORBIDDEN)
def test_no_forbidden_address_gets_into_a_url(address: str) -> None:
    host = f"[{address}]" if ":" in address else address

    with pytest.raises(UnsafeUrl):
        check_url(f"https://{host}:9180", [])


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9180",
        "http://localhost:9180",
        "http://[::1]:9180",
        "http://127.0.0.1",
        "https://127.0.0.1:9443",
        "https://localhost",
    ],
)
def test_an_operator_may_allow_a_private_gateway_and_plain_http_to_it(url: str) -> None:
    assert check_url(url, LOOPBACK) == url


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1:9180", "https://10.0.0.1", "http://8.8.8.8", "http://apisix.example.com", "http://127.1"]
)
def test_allowing_one_network_makes_no_other_url_safe(url: str) -> None:
    with pytest.raises(UnsafeUrl):
        check_url(url, LOOPBACK)


def test_a_refusal_does_not_repeat_the_url() -> None:
    with pytest.raises(UnsafeUrl) as refusal:
        check_url("https://user:canary@apisix.example.com", [])

    assert "canary" not in str(refusal.value)
