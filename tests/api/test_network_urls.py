"""Which of a tenant's URLs are safe to call, as far as the URL itself tells."""

import pytest

from api.errors import UnsafeUrl
from api.network import check_url
from tests.addresses import FORBIDDEN, LOOPBACK
from tests.refused import refused


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


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("x", "The URL must look like https://gateway.example.com:9443, without user, query and fragment."),
        ("https://example.com:22", "The URL's port must be 80, 443 or from 1024 to 65535."),
        ("https://127.0.0.1", "The URL names an address that the server must not call."),
        ("http://example.com", "The URL must start with https://."),
        ("https://example.1", "The URL's host is neither a name nor an address."),
    ],
)
def test_a_refused_url_is_told_why(url: str, sentence: str) -> None:
    with refused(UnsafeUrl, sentence):
        check_url(url, [])


def test_a_url_has_2048_letters_at_most() -> None:
    longest = f"https://example.com/{'a' * 2028}"
    assert check_url(longest, []) == longest

    with pytest.raises(UnsafeUrl):
        check_url(f"{longest}a", [])


def test_the_ports_that_need_no_privilege_begin_at_1024() -> None:
    for port in (1024, 65535):
        assert check_url(f"https://example.com:{port}", []) == f"https://example.com:{port}"
    with pytest.raises(UnsafeUrl):
        check_url("https://example.com:1023", [])


def test_a_refusal_does_not_repeat_the_url() -> None:
    with pytest.raises(UnsafeUrl) as refusal:
        check_url("https://user:canary@apisix.example.com", [])

    assert "canary" not in str(refusal.value)
