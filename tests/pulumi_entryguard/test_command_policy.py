"""`entryguard policy --credential …`, at a real server."""

import json
import uuid
from typing import Any

import pytest

from api.clouds import CLOUDS
from tests.api.published import CREATE_CREDENTIAL
from tests.clouds.aws_standin import AUTHORIZE, REGION, REVOKE, AwsStandIn
from tests.pulumi_entryguard.entryguard_command import entryguard
from tests.pulumi_entryguard.real_server import RealServer


@pytest.fixture
def settings(real: RealServer) -> dict[str, str]:
    return {"ENTRYGUARD_ENDPOINT": real.url, "ENTRYGUARD_API_KEY": real.key_for_pulumi}


def add_credential(real: RealServer, provider: str = "AWS", **changes: Any) -> dict[str, Any]:
    wanted = CREATE_CREDENTIAL[provider] | {"name": f"account {uuid.uuid4()}", **changes}
    made: dict[str, Any] = real.administrator.ask("POST", "/credentials", wanted)
    return made


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_credentials_policy_is_limited_to_the_groups_in_use(
    real: RealServer, aws: AwsStandIn, settings: dict[str, str], by: str
) -> None:
    credential = add_credential(real, credentialData=aws.user().credential_data)
    real.administrator.ask("POST", f"/credentials/{credential['id']}/verify?wait=true")
    group = {
        "name": "web",
        "provider": "AWS",
        "credentialId": credential["id"],
        "resourceType": "SECURITY_GROUP",
        "resourceIdentifier": "sg-0abc123def456",
        "region": REGION,
    }
    real.administrator.ask("POST", "/resources", group)

    done = entryguard("policy", "--credential", credential[by], environment=settings)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Statement"][1] == {
        "Sid": "EntryGuardOpensAndCloses",
        "Effect": "Allow",
        "Action": [AUTHORIZE, REVOKE],
        "Resource": [f"arn:aws:ec2:{REGION}:123456789012:security-group/sg-0abc123def456"],
    }
    assert done.stderr == f"{CLOUDS['AWS'].policy_use}\n"


def test_of_two_credentials_with_one_name_the_cloud_may_choose(real: RealServer, settings: dict[str, str]) -> None:
    name = f"account {uuid.uuid4()}"
    both = [add_credential(real, provider, name=name) for provider in ("GCP", "AZURE")]

    either = entryguard("policy", "--credential", name, environment=settings)
    azures = entryguard("policy", "AZURE", "--credential", name, environment=settings)

    assert either.returncode == 1
    assert all(credential["id"] in either.stderr for credential in both)
    assert json.loads(azures.stdout) == CLOUDS["AZURE"].policy([])


def test_a_credential_that_is_not_there_is_told(real: RealServer, settings: dict[str, str]) -> None:
    credential, nobodys = add_credential(real), str(uuid.uuid4())
    for arguments, said in (
        (("--credential", "no such name"), 'no credential is named "no such name"'),
        (("GCP", "--credential", credential["name"]), f'no credential of GCP is named "{credential["name"]}"'),
        (("GCP", "--credential", credential["id"]), f"credential {credential['id']} is of provider AWS, not GCP"),
        (("--credential", nobodys), f"CREDENTIAL_NOT_FOUND: Credential with ID {nobodys} not found"),
    ):
        done = entryguard("policy", *arguments, environment=settings)

        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"entryguard: {said}\n")


def test_a_key_that_is_not_known_is_not_repeated(settings: dict[str, str]) -> None:
    done = entryguard("policy", "--credential", "x", environment={**settings, "ENTRYGUARD_API_KEY": "egk_nobodys"})

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("entryguard: UNAUTHORIZED: ")
    assert "egk_nobodys" not in done.stderr
