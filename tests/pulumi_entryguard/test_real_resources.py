"""Resources at a real server, which asks an AWS that checks signatures and permissions."""

from typing import Any

import pytest

from pulumi_entryguard.credential import CredentialProvider
from pulumi_entryguard.failures import HalfMade
from pulumi_entryguard.resource import ResourceProvider
from tests.clouds.aws_standin import AUTHORIZE, DESCRIBE, AwsStandIn, allowing
from tests.pulumi_entryguard import declared
from tests.pulumi_entryguard.declared import made
from tests.pulumi_entryguard.real_server import RealServer

MISSING = "sg-0123456789abcdef0"


@pytest.fixture
def credential_id(real_credentials: CredentialProvider, aws: AwsStandIn) -> str:
    """A valid credential."""
    return made(real_credentials, declared.credential(credentialData=aws.user().credential_data))[0]


@pytest.fixture
def group(aws: AwsStandIn) -> str:
    return aws.security_group()


def web(credential_id: str, group: str, **more: Any) -> dict[str, Any]:
    return declared.resource(credentialId=credential_id, resourceIdentifier=group, **more)


def test_a_group_that_is_there_is_active_when_the_create_returns(
    real_resources: ResourceProvider, credential_id: str, group: str
) -> None:
    _, outputs = made(real_resources, web(credential_id, group))

    assert (outputs["isActive"], outputs["verifiedRevision"]) == (True, outputs["revision"])


def test_pulumis_floats_are_integers_for_the_server(
    real_resources: ResourceProvider, real: RealServer, credential_id: str, group: str
) -> None:
    made_id, _ = made(real_resources, web(credential_id, group, config={"port": 443.0, "protocol": "tcp"}))

    assert repr(real.shown("resources", made_id)["config"]["port"]) == "443"


def test_an_unknown_group_fails_with_the_code_of_the_cloud(
    real_resources: ResourceProvider, credential_id: str
) -> None:
    with pytest.raises(HalfMade, match=r'resource "web" is not active: InvalidGroup\.NotFound: '):
        made(real_resources, web(credential_id, MISSING))


def test_a_permission_missing_on_the_group_is_named(
    real_resources: ResourceProvider, real_credentials: CredentialProvider, aws: AwsStandIn, group: str
) -> None:
    key = aws.user(allowing((DESCRIBE, AUTHORIZE), (group,)))
    credential_id, _ = made(real_credentials, declared.credential(credentialData=key.credential_data))

    with pytest.raises(HalfMade, match="UnauthorizedOperation: missing ec2:RevokeSecurityGroupIngress"):
        made(real_resources, web(credential_id, group))


def test_a_changed_group_is_verified_before_the_update_returns(
    real_resources: ResourceProvider, credential_id: str, group: str
) -> None:
    made_id, outputs = made(real_resources, web(credential_id, group))

    with pytest.raises(HalfMade, match=r"InvalidGroup\.NotFound"):
        real_resources.update(made_id, outputs, web(credential_id, MISSING))


def test_the_next_update_mends_a_group_that_was_not_there(
    real_resources: ResourceProvider, credential_id: str, group: str
) -> None:
    made_id, outputs = made(real_resources, web(credential_id, group))
    with pytest.raises(HalfMade) as failure:
        real_resources.update(made_id, outputs, web(credential_id, MISSING))

    mended = real_resources.update(made_id, dict(failure.value.outputs), web(credential_id, group)).outs or {}

    assert mended["isActive"] is True
    assert "verificationError" not in mended


def test_a_group_deleted_in_the_cloud_is_reported_by_the_next_update(
    real_resources: ResourceProvider, credential_id: str, aws: AwsStandIn, group: str
) -> None:
    made_id, outputs = made(real_resources, web(credential_id, group))
    aws.delete_security_group(group)

    with pytest.raises(HalfMade, match=r"InvalidGroup\.NotFound"):
        real_resources.update(made_id, outputs, web(credential_id, group, name="renamed"))


def test_a_config_changed_behind_pulumis_back_is_read(
    real_resources: ResourceProvider, real: RealServer, credential_id: str, group: str
) -> None:
    made_id, outputs = made(real_resources, web(credential_id, group))
    real.administrator.ask("PATCH", f"/resources/{made_id}", {"config": {"port": 22}})

    assert (real_resources.read(made_id, outputs).inputs or {})["config"]["port"] == 22


def test_nothing_is_to_do_after_a_create(real_resources: ResourceProvider, credential_id: str, group: str) -> None:
    wanted = web(credential_id, group, config={"ports": [5432.0, 6432.0]}, maxSessionMinutes=60.0)
    made_id, outputs = made(real_resources, wanted)

    assert not real_resources.diff(made_id, real_resources.read(made_id, outputs).outs or {}, wanted).changes


def test_nothing_is_to_do_where_texts_are_written_otherwise_than_the_server_keeps_them(
    real_resources: ResourceProvider, credential_id: str, group: str
) -> None:
    """Such as a group's id that was read from a file, with the end of its line."""
    program = web(credential_id.upper(), f"{group}\n", name=" Cafe\u0301 ", region="eu-central-1 ")
    wanted = real_resources.check({}, program).inputs
    made_id, outputs = made(real_resources, wanted)

    seen = real_resources.read(made_id, outputs).outs or {}

    assert not real_resources.diff(made_id, seen, wanted).changes


def test_a_resource_goes_with_its_credential(
    real_resources: ResourceProvider, real: RealServer, credential_id: str, group: str
) -> None:
    made_id, outputs = made(real_resources, web(credential_id, group))
    real.administrator.ask("DELETE", f"/credentials/{credential_id}")

    assert not real_resources.read(made_id, outputs).id
    real_resources.delete(made_id, outputs)


def test_nothing_was_changed_in_the_cloud_to_find_out(
    real_resources: ResourceProvider, credential_id: str, aws: AwsStandIn, group: str
) -> None:
    before = aws.groups()

    made(real_resources, web(credential_id, group))

    assert aws.groups() == before
