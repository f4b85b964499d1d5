"""Nothing that is logged, raised or shown holds a secret, and nobody else's settings reach a tenant's calls."""

import copy
import logging
import pickle
import traceback

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Target, Unreachable
from tests.clouds.aws_standin import REGION, AwsStandIn, Key, silent

WRONG = Key("nobody", "AKIAWRONGWRONGWRONG1", "WrongSecretWrongSecretWrongSecretWrong40")


def connected(key: Key, endpoints: Endpoints) -> Connection:
    return CLOUDS["AWS"].connect(key.credential_data, endpoints)


def everything_that_can_go_wrong(aws: AwsStandIn, at_aws: Endpoints, key: Key) -> list[Exception]:
    """Each error of a good key on a bad object, of a wrong secret, of an unknown key and of a silent cloud."""
    raised: list[Exception] = []
    wrong_secret = Key(key.user, key.access_key_id, WRONG.secret_access_key)
    missing = Target(REGION, "sg-0123456789abcdef0", "SECURITY_GROUP")
    for connection in (connected(key, at_aws), connected(wrong_secret, at_aws), connected(WRONG, at_aws)):
        try:
            connection.verify([missing])
            connection.inspect(missing)
        except Refused as refused:
            raised.append(refused)
    with aws.failing(silent()):
        try:
            connected(key, at_aws).verify([])
        except Unreachable as unreachable:
            raised.append(unreachable)
    return raised


def test_nothing_logged_or_raised_holds_a_key(
    aws: AwsStandIn, at_aws: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    key = aws.user()
    caplog.set_level(logging.DEBUG)
    caplog.clear()

    raised = everything_that_can_go_wrong(aws, at_aws, key)

    assert len(raised) == 4
    shown = caplog.text + "".join("".join(traceback.format_exception(error)) + repr(error) for error in raised)
    for part in (key.access_key_id, key.secret_access_key, WRONG.access_key_id, WRONG.secret_access_key, "Signature="):
        assert part not in shown


def test_the_sdk_writes_no_requests_into_the_log(
    aws: AwsStandIn, at_aws: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    connection = connected(aws.user(), at_aws)
    caplog.set_level(logging.DEBUG)
    caplog.clear()

    connection.verify([])

    assert not [entry for entry in caplog.records if entry.name.split(".")[0] in ("boto3", "botocore", "urllib3")]


def test_a_connection_shows_no_key(aws: AwsStandIn, at_aws: Endpoints) -> None:
    key = aws.user()

    shown = repr(connected(key, at_aws)) + str(connected(key, at_aws))

    assert key.access_key_id not in shown
    assert key.secret_access_key not in shown


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_connection_cannot_be_copied(aws: AwsStandIn, at_aws: Endpoints, copied: object) -> None:
    assert callable(copied)
    with pytest.raises(TypeError):
        copied(connected(aws.user(), at_aws))


def test_the_environments_aws_settings_have_no_say(
    aws: AwsStandIn, at_aws: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_PROFILE": "somebody-elses",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1",
        "AWS_CONFIG_FILE": "/nowhere/config",
        "AWS_ACCESS_KEY_ID": WRONG.access_key_id,
        "AWS_SESSION_TOKEN": "of another",
    }.items():
        monkeypatch.setenv(name, value)

    assert connected(aws.user(), at_aws).verify([]).account == "123456789012"
