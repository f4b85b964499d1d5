"""Credentials at a real server, which asks an AWS that checks signatures and permissions."""

import uuid
from typing import Any

import pytest

from examples.demo.cloud import with_wrong_secret
from examples.demo.entryguard_api import Refused
from pulumi_entryguard.client import Client
from pulumi_entryguard.credential import CredentialProvider
from pulumi_entryguard.endpoint import api_key, parse_endpoint
from pulumi_entryguard.errors import ApiError, UnusableInput
from pulumi_entryguard.failures import HalfMade
from tests.clouds.aws_standin import AUTHORIZE, AwsStandIn, Key, allowing
from tests.pulumi_entryguard import declared
from tests.pulumi_entryguard.declared import made
from tests.pulumi_entryguard.real_server import RealServer

UNKNOWN_KEY = Key("nobody", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


def credential(key: Key, **more: Any) -> dict[str, Any]:
    return declared.credential(credentialData=key.credential_data, **more)


def test_a_good_key_is_valid_when_the_create_returns(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn
) -> None:
    made_id, outputs = made(real_credentials, credential(aws.user()))

    assert (outputs["isValid"], outputs["secretVersion"], outputs["verifiedSecretVersion"]) == (True, 1, 1)
    assert outputs["account"] == real.shown("credentials", made_id)["account"] == "123456789012"


@pytest.mark.parametrize(
    ("wrong", "code"), [("secret", "SignatureDoesNotMatch"), ("key id", "InvalidClientTokenId")], ids=str
)
def test_a_wrong_one_fails_with_the_code_of_the_cloud(
    real_credentials: CredentialProvider, aws: AwsStandIn, wrong: str, code: str
) -> None:
    key = with_wrong_secret(aws.user()) if wrong == "secret" else UNKNOWN_KEY

    with pytest.raises(HalfMade, match=f'credential "AWS prod" is invalid: {code}: ') as failure:
        made(real_credentials, credential(key))

    assert key.secret_access_key not in str(failure.value)


def test_a_missing_permission_is_named(real_credentials: CredentialProvider, aws: AwsStandIn) -> None:
    with pytest.raises(HalfMade, match="UnauthorizedOperation: missing ec2:DescribeSecurityGroups"):
        made(real_credentials, credential(aws.user(allowing((AUTHORIZE,)))))


def test_a_refused_new_secret_leaves_the_old_one_in_use(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn
) -> None:
    key = aws.user()
    made_id, outputs = made(real_credentials, credential(key))

    with pytest.raises(HalfMade, match=r"the new secret of .* was refused: SignatureDoesNotMatch"):
        real_credentials.update(made_id, outputs, credential(with_wrong_secret(key)))

    shown = real.shown("credentials", made_id)
    assert (shown["isValid"], shown["pendingUpdate"]["status"]) == (True, "REJECTED")


def test_what_is_kept_of_a_refused_new_secret_lets_the_next_update_mend_it(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn
) -> None:
    key = aws.user()
    made_id, outputs = made(real_credentials, credential(key))
    with pytest.raises(HalfMade) as failure:
        real_credentials.update(made_id, outputs, credential(with_wrong_secret(key)))

    real_credentials.update(made_id, dict(failure.value.outputs), credential(key))

    shown = real.shown("credentials", made_id)
    assert (shown["isValid"], shown["pendingUpdate"], shown["secretVersion"]) == (True, None, 3)


def test_a_rotated_key_outlives_the_old_one(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn
) -> None:
    old = aws.user()
    made_id, outputs = made(real_credentials, credential(old))

    real_credentials.update(made_id, outputs, credential(aws.another_key(old.user)))
    aws.deactivate(old)

    verified = real.administrator.ask("POST", f"/credentials/{made_id}/verify?wait=true")
    assert (verified["isValid"], verified["secretVersion"]) == (True, 2)


def test_a_name_changed_behind_pulumis_back_is_read(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn
) -> None:
    made_id, outputs = made(real_credentials, credential(aws.user()))
    real.administrator.ask("PATCH", f"/credentials/{made_id}", {"name": "by hand"})

    assert (real_credentials.read(made_id, outputs).inputs or {})["name"] == "by hand"


def test_a_secret_changed_behind_pulumis_back_is_written_again(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn
) -> None:
    key = aws.user()
    made_id, outputs = made(real_credentials, credential(key))
    other = aws.another_key(key.user).credential_data
    real.administrator.ask("PATCH", f"/credentials/{made_id}?wait=true", {"credentialData": other})

    seen = real_credentials.read(made_id, outputs).outs or {}

    assert real_credentials.diff(made_id, seen, credential(key)).changes


def test_what_stops_being_valid_is_reported_by_the_next_read(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn
) -> None:
    key = aws.user()
    made_id, outputs = made(real_credentials, credential(key))
    aws.deactivate(key)
    real.administrator.ask("POST", f"/credentials/{made_id}/verify?wait=true")

    with pytest.raises(HalfMade, match="InvalidClientTokenId"):
        real_credentials.read(made_id, outputs)


def test_what_was_deleted_outside_is_gone_for_a_read(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn
) -> None:
    made_id, outputs = made(real_credentials, credential(aws.user()))
    real.administrator.ask("DELETE", f"/credentials/{made_id}")

    assert not real_credentials.read(made_id, outputs).id


def test_what_was_deleted_outside_can_be_deleted(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn
) -> None:
    made_id, outputs = made(real_credentials, credential(aws.user()))
    real.administrator.ask("DELETE", f"/credentials/{made_id}")

    real_credentials.delete(made_id, outputs)


@pytest.mark.parametrize("wrong", ["/tools", "/api/v2", "/sign-in"])
def test_a_wrong_endpoint_is_no_sign_that_a_credential_is_gone(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    made_id, outputs = made(real_credentials, credential(aws.user()))
    monkeypatch.setenv("ENTRYGUARD_ENDPOINT", real.url + wrong)

    for asked in (real_credentials.read, real_credentials.delete):
        with pytest.raises(ApiError, match=r"[Ii]s the endpoint right\?"):
            asked(made_id, outputs)
    assert real.shown("credentials", made_id)["isValid"]


def test_what_was_deleted_outside_says_how_to_make_it_again(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn
) -> None:
    key = aws.user()
    made_id, outputs = made(real_credentials, credential(key))
    real.administrator.ask("DELETE", f"/credentials/{made_id}")

    with pytest.raises(UnusableInput, match="pulumi up --refresh"):
        real_credentials.update(made_id, outputs, credential(key, name="new"))


@pytest.mark.parametrize("force", [False, True])
def test_a_deleted_credential_is_gone(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn, force: bool
) -> None:
    made_id, outputs = made(real_credentials, credential(aws.user(), forceDelete=force))

    real_credentials.delete(made_id, outputs)

    with pytest.raises(Refused, match="404 CREDENTIAL_NOT_FOUND"):
        real.shown("credentials", made_id)


def test_an_adopted_credential_is_brought_to_what_is_declared(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn
) -> None:
    key = aws.user()
    by_hand, _ = made(real_credentials, credential(key, name="by hand"))

    adopted, outputs = made(real_credentials, credential(key, adoptId=by_hand))

    assert (adopted, outputs["name"], outputs["isValid"]) == (by_hand, "AWS prod", True)


def test_a_create_that_is_sent_again_makes_one_credential(real: RealServer, aws: AwsStandIn) -> None:
    client = Client(parse_endpoint(real.url), api_key(real.key_for_pulumi))
    names = ("name", "provider", "credentialType", "credentialData")
    body = {name: value for name, value in credential(aws.user()).items() if name in names}

    first, second = (
        client.request("POST", "/credentials", body, idempotency_key=key) for key in [uuid.uuid4().hex] * 2
    )

    assert first.body["id"] == second.body["id"]


def test_a_key_that_may_only_read_is_refused_in_one_line(
    real_credentials: CredentialProvider, real: RealServer, aws: AwsStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENTRYGUARD_API_KEY", real.new_api_key(["credentials:read"]))

    with pytest.raises(ApiError, match="FORBIDDEN") as failure:
        made(real_credentials, credential(aws.user()))

    assert "\n" not in str(failure.value)
