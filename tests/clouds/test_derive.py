"""What follows from the declarations: which bodies are taken, and the words for those that are not."""

import json
from typing import Any

import pytest

from api.clouds import CLOUDS, Cloud
from api.clouds.derive import config_component, config_errors, credential_component, credential_errors
from tests.api.published import CREATE_CREDENTIAL

EVERY = pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS)
EVERY_TYPE = pytest.mark.parametrize(
    ("cloud", "resource_type"), [(cloud, kind) for cloud in CLOUDS.values() for kind in cloud.resource_types]
)
PUBLISHED = [(body["provider"], body["credentialData"]) for body in CREATE_CREDENTIAL.values()]
AWS_KEY = CREATE_CREDENTIAL["AWS"]["credentialData"]


def only_error(errors: dict[str, list[str]]) -> tuple[str, str]:
    [(path, [sentence])] = errors.items()
    return path, sentence


@pytest.mark.parametrize(("provider", "data"), PUBLISHED)
def test_the_published_bodies_are_taken(provider: str, data: dict[str, str]) -> None:
    assert credential_errors(CLOUDS[provider], data) == {}


def test_a_key_file_of_today_is_taken_with_its_universe() -> None:
    assert credential_errors(CLOUDS["GCP"], PUBLISHED[1][1] | {"universe_domain": "googleapis.com"}) == {}


@EVERY
def test_each_required_field_is_asked_for_in_the_published_words(cloud: Cloud) -> None:
    whole = {field.name: field.example for field in cloud.fields}
    for field in cloud.fields:
        if field.required:
            without = {name: value for name, value in whole.items() if name != field.name}
            path = f"credentialData.{field.name}"
            sentence = f"{path} is required for {cloud.name} {cloud.credential_type} credentials"
            assert credential_errors(cloud, without) == {path: [sentence]}
            assert credential_errors(cloud, without | {field.name: ""}) == {path: [sentence]}
            assert credential_errors(cloud, without | {field.name: None}) == {path: [sentence]}


@EVERY
def test_an_optional_field_may_be_left_out(cloud: Cloud) -> None:
    required = {field.name: field.example for field in cloud.fields if field.required}

    assert credential_errors(cloud, required) == {}


def test_the_first_error_is_about_the_first_field() -> None:
    assert next(iter(credential_errors(CLOUDS["AWS"], {}))) == "credentialData.accessKeyId"


@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["AKIA"]])
def test_a_field_of_another_type_is_refused(value: object) -> None:
    assert only_error(credential_errors(CLOUDS["AWS"], AWS_KEY | {"accessKeyId": value})) == (
        "credentialData.accessKeyId",
        "credentialData.accessKeyId must be a string",
    )


def test_a_field_that_is_too_long_is_refused() -> None:
    assert only_error(credential_errors(CLOUDS["AWS"], AWS_KEY | {"accessKeyId": "A" * 257})) == (
        "credentialData.accessKeyId",
        "credentialData.accessKeyId must have at most 256 characters",
    )


def test_an_unknown_field_is_refused() -> None:
    assert only_error(credential_errors(CLOUDS["AWS"], AWS_KEY | {"sessionToken": "x"})) == (
        "credentialData.sessionToken",
        "credentialData.sessionToken is not a field of AWS ACCESS_KEY credentials",
    )


@pytest.mark.parametrize("data", [None, [], "text", 3, True, [AWS_KEY]])
def test_what_is_no_object_is_refused(data: object) -> None:
    assert only_error(credential_errors(CLOUDS["AWS"], data)) == ("credentialData", "credentialData must be an object")


def test_no_error_repeats_a_value() -> None:
    sentences = json.dumps(
        credential_errors(CLOUDS["AWS"], {"accessKeyId": "SECRET" * 99, "secretAccessKey": ["SECRET"]})
    )

    assert "SECRET" not in sentences


def test_the_errors_of_a_hostile_body_stay_short() -> None:
    errors = credential_errors(CLOUDS["AWS"], {"x" * 1000 + str(number): 1 for number in range(5000)})

    assert len(json.dumps(errors)) < 10_000


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"port": 443, "protocol": "tcp"},
        {"ports": [22, 80, 443], "protocol": "tcp"},
        {"port": 1},
        {"port": 65535, "protocol": "udp"},
        {"portRange": {"from": 8000, "to": 8000}},
        {"portRange": {"from": 1, "to": 65535}, "protocol": "udp"},
        {"protocol": "icmp"},
        {"protocol": "all"},
    ],
)
@pytest.mark.parametrize("provider", ["AWS", "GCP", "AZURE"])
def test_a_config_is_taken(provider: str, config: dict[str, Any]) -> None:
    [kind] = CLOUDS[provider].resource_types

    assert config_errors(CLOUDS[provider], kind, config) == {}


PORT = "must be a whole number from 1 to 65535"


@pytest.mark.parametrize(
    ("config", "path", "ending"),
    [
        ({"port": "443"}, "config.port", PORT),
        ({"port": True}, "config.port", PORT),
        ({"port": 443.0}, "config.port", PORT),
        ({"port": 0}, "config.port", PORT),
        ({"port": 65536}, "config.port", PORT),
        ({"port": -1}, "config.port", PORT),
        ({"port": 10**400}, "config.port", PORT),
        ({"port": None}, "config.port", PORT),
        ({"port": [443]}, "config.port", PORT),
        ({"ports": 443}, "config.ports", "must be a list of 1 to 30 different ports"),
        ({"ports": []}, "config.ports", "must be a list of 1 to 30 different ports"),
        ({"ports": [22, 22]}, "config.ports", "must be a list of 1 to 30 different ports"),
        ({"ports": list(range(1, 32))}, "config.ports", "must be a list of 1 to 30 different ports"),
        ({"ports": [22, "80"]}, "config.ports.1", PORT),
        ({"portRange": [1, 2]}, "config.portRange", "must be an object"),
        ({"portRange": {"from": 1}}, "config.portRange.to", "is required"),
        ({"portRange": {"from": 1, "to": "2"}}, "config.portRange.to", PORT),
        ({"portRange": {"from": 1, "to": 2, "step": 1}}, "config.portRange.step", "is not known"),
        ({"portRange": {"from": 2, "to": 1}}, "config.portRange", "must not end before it begins"),
        ({"port": 1, "ports": [1]}, "config", "takes only one of port, ports and portRange"),
        ({"port": 1, "portRange": {"from": 1, "to": 2}}, "config", "takes only one of port, ports and portRange"),
        ({"protocol": "TCP"}, "config.protocol", "must be one of tcp, udp, icmp, all"),
        ({"protocol": 6}, "config.protocol", "must be a string"),
        ({"protocol": "icmp", "port": 1}, "config", "takes no port with the protocol icmp"),
        ({"protocol": "all", "ports": [1]}, "config", "takes no ports with the protocol all"),
        ({"cidr": "0.0.0.0/0"}, "config.cidr", "is not known for AWS SECURITY_GROUP resources"),
        ({"targetTags": ["web"]}, "config.targetTags", "is not known for AWS SECURITY_GROUP resources"),
        ([], "config", "must be an object"),
        (None, "config", "must be an object"),
    ],
)
def test_a_config_is_refused_with_its_path(config: object, path: str, ending: str) -> None:
    assert only_error(config_errors(CLOUDS["AWS"], "SECURITY_GROUP", config)) == (path, f"{path} {ending}")


def test_gcp_takes_tags_and_a_priority() -> None:
    config = {"port": 22, "targetTags": ["bastion", "web-1"], "priority": 0}

    assert config_errors(CLOUDS["GCP"], "FIREWALL", config) == {}


@pytest.mark.parametrize("tag", ["Web", "1web", "web-", "web\n", "", "a" * 64, 1])
def test_a_tag_that_gcp_would_refuse_is_refused(tag: object) -> None:
    assert list(config_errors(CLOUDS["GCP"], "FIREWALL", {"targetTags": [tag]})) == ["config.targetTags.0"]


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"priorityFrom": 99}, "config.priorityFrom"),
        ({"priorityTo": 4097}, "config.priorityTo"),
        ({"priorityFrom": 2000, "priorityTo": 1999}, "config"),
        ({"priorityTo": 999}, "config"),
    ],
)
def test_a_band_of_priorities_that_azure_lacks_is_refused(config: dict[str, int], path: str) -> None:
    assert list(config_errors(CLOUDS["AZURE"], "NETWORK_SECURITY_GROUP", config)) == [path]


def test_apisix_opens_a_whole_route_and_takes_no_options() -> None:
    assert config_errors(CLOUDS["APISIX"], "GATEWAY_ROUTE", {}) == {}
    assert only_error(config_errors(CLOUDS["APISIX"], "GATEWAY_ROUTE", {"port": 443})) == (
        "config.port",
        "config.port is not known for APISIX GATEWAY_ROUTE resources",
    )


@EVERY
def test_the_openapi_of_a_credential_says_what_is_taken(cloud: Cloud) -> None:
    name, component = credential_component(cloud)

    assert name == f"{cloud.name.title()}CredentialData"
    assert sorted(component["required"]) == sorted(field.name for field in cloud.fields if field.required)
    assert component["additionalProperties"] is False
    assert [credential_errors(cloud, example) for example in component["examples"]] == [{}]


@EVERY
def test_the_openapi_marks_every_secret(cloud: Cloud) -> None:
    _, component = credential_component(cloud)

    hidden = {name for name, body in component["properties"].items() if body.get("writeOnly")}
    assert hidden == {field.name for field in cloud.fields if field.secret}


@EVERY_TYPE
def test_the_openapi_of_a_config_names_its_options(cloud: Cloud, resource_type: str) -> None:
    _, component = config_component(cloud, resource_type)

    assert tuple(component["properties"]) == cloud.resource_types[resource_type].options
    assert [config_errors(cloud, resource_type, example) for example in component["examples"]] == [{}]
