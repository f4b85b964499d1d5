import pytest

from pulumi_entryguard.endpoint import api_key, bearer, parse_endpoint
from pulumi_entryguard.errors import NotConfigured


@pytest.mark.parametrize(
    "text",
    [
        "https://entryguard.example.com",
        "https://entryguard.example.com/",
        "https://entryguard.example.com/api/v1",
        " https://entryguard.example.com/api/v1/ ",
        "https://entryguard.example.com/api",
        "https://entryguard.example.com/api/",
    ],
)
def test_an_endpoint_may_be_given_with_or_without_its_base_path(text: str) -> None:
    endpoint = parse_endpoint(text)

    assert (endpoint.host, endpoint.path) == ("entryguard.example.com", "/api/v1")


def test_an_endpoint_may_stand_behind_a_path_of_a_proxy() -> None:
    assert parse_endpoint("https://tools.example.com/entryguard").path == "/entryguard/api/v1"
    assert parse_endpoint("https://tools.example.com/api/api/v1").path == "/api/api/v1"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_plain_http_is_for_this_machine(host: str) -> None:
    assert parse_endpoint(f"http://{host}:8000").port == 8000


@pytest.mark.parametrize("host", ["entryguard.example.com", "10.0.0.1", "localhost.example.com"])
def test_plain_http_to_another_machine_is_refused(host: str) -> None:
    with pytest.raises(NotConfigured, match="must be https"):
        parse_endpoint(f"http://{host}")


@pytest.mark.parametrize(
    "text", ["", "entryguard.example.com", "ftp://x", "https://", "https://h:port", "https://u:p@h", "https://h?a=b"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(NotConfigured, match="endpoint"):
        parse_endpoint(text)


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(NotConfigured) as refused:
        parse_endpoint("https://admin:hunter2hunter2@entryguard.example.com")

    assert "hunter2" not in str(refused.value)


def test_the_value_of_an_access_is_not_in_its_repr() -> None:
    assert "egk_secret" not in repr(api_key("egk_secret"))


@pytest.mark.parametrize("token", ["two\nlines-of-secret", "tab\tsecret", "naïve-secret"])
def test_a_token_that_can_not_be_a_header_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(NotConfigured) as refused:
        bearer(token)

    assert "secret" not in str(refused.value)
