import pytest

from pulumi_entryguard.configuration import read_configuration
from pulumi_entryguard.errors import NotConfigured

ENVIRONMENT = {"ENTRYGUARD_ENDPOINT": "https://from-environment", "ENTRYGUARD_API_KEY": "egk_from_environment"}


def test_the_stack_wins_over_the_environment() -> None:
    stack = {"entryguard:endpoint": "https://from-stack", "entryguard:token": "a.b.c"}

    configuration = read_configuration(stack, ENVIRONMENT)

    assert configuration.endpoint == "https://from-stack"
    assert configuration.access is not None
    assert configuration.access.value == "Bearer a.b.c"


def test_the_environment_does_where_the_stack_says_nothing() -> None:
    configuration = read_configuration({}, ENVIRONMENT)

    assert configuration.endpoint == "https://from-environment"
    assert configuration.access is not None
    assert (configuration.access.header, configuration.access.value) == ("X-API-Key", "egk_from_environment")


def test_a_token_in_the_environment_does() -> None:
    configuration = read_configuration({}, {"ENTRYGUARD_TOKEN": "a.b.c"})

    assert configuration.access is not None
    assert configuration.access.header == "Authorization"


def test_a_missing_key_says_what_to_do_when_a_client_is_asked_for() -> None:
    configuration = read_configuration({"entryguard:endpoint": "https://from-stack"}, {})

    with pytest.raises(NotConfigured, match=r"pulumi config set --secret entryguard:apiKey.*ENTRYGUARD_API_KEY"):
        configuration.client()


def test_a_missing_endpoint_says_what_to_do_when_a_client_is_asked_for() -> None:
    with pytest.raises(NotConfigured, match=r"pulumi config set entryguard:endpoint.*ENTRYGUARD_ENDPOINT"):
        read_configuration({}, {"ENTRYGUARD_API_KEY": "egk_x"}).client()


def test_the_same_configuration_has_one_client() -> None:
    assert read_configuration({}, ENVIRONMENT).client() is read_configuration({}, ENVIRONMENT).client()


def test_another_key_has_another_client() -> None:
    other = ENVIRONMENT | {"ENTRYGUARD_API_KEY": "egk_another"}

    assert read_configuration({}, ENVIRONMENT).client() is not read_configuration({}, other).client()


def test_a_configuration_does_not_show_its_key() -> None:
    assert "egk_" not in repr(read_configuration({}, ENVIRONMENT))
