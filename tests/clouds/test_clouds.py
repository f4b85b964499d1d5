"""What every cloud declares, and the promises that all of them keep."""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from api.clouds import CLOUDS, Cloud, Target

ROOT = Path(__file__).parents[2]
EVERY = pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS)

AZURE_GROUP = (
    f"/subscriptions/{uuid.UUID(int=7)}/resourceGroups/rg-1/providers/Microsoft.Network/networkSecurityGroups/nsg.1"
)


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_clouds_stand_in_the_published_order() -> None:
    assert list(CLOUDS) == ["AWS", "GCP", "AZURE", "APISIX"]


def test_the_declarations_load_no_sdk() -> None:
    program = (
        "import sys, api.clouds, api.clouds.derive; "
        "print([n for n in sys.modules if n.split('.')[0] in {'azure', 'boto3', 'botocore', 'google', 'requests'}])"
    )

    assert run(program) == "[]"


def test_preloading_leaves_no_thread_and_no_socket_to_fork() -> None:
    program = (
        "import threading, socket; from api.clouds import CLOUDS\n"
        "def refuse(*_): raise SystemExit('a connection was made')\n"
        "socket.socket.connect = refuse\n"
        "[cloud.preload() for cloud in CLOUDS.values()]\n"
        "print(threading.active_count())"
    )

    assert run(program) == "1"


@EVERY
def test_the_fields_say_all_that_a_form_needs(cloud: Cloud) -> None:
    assert all(field.label and field.help and field.example for field in cloud.fields)


@EVERY
def test_each_cloud_has_a_secret_and_says_which_it_is(cloud: Cloud) -> None:
    assert any(field.secret and field.required for field in cloud.fields)


@EVERY
def test_an_example_of_an_identifier_looks_right(cloud: Cloud) -> None:
    for kind in cloud.resource_types.values():
        assert cloud.check_identifier(kind.name, kind.identifier_example) is None


@pytest.mark.parametrize(
    ("provider", "identifier"),
    [
        ("AWS", "sg-abc123"),
        ("AWS", "sg-0abc123def456"),
        ("AWS", "sg-0123456789abcdef0"),
        ("GCP", "default"),
        ("GCP", "a"),
        ("AZURE", AZURE_GROUP),
        ("AZURE", AZURE_GROUP.upper()),
        ("APISIX", "1"),
        ("APISIX", "orders_api-v1.2"),
    ],
)
def test_an_identifier_is_accepted(provider: str, identifier: str) -> None:
    assert CLOUDS[provider].check_identifier("any", identifier) is None


@pytest.mark.parametrize(
    ("provider", "identifier"),
    [
        ("AWS", ""),
        ("AWS", "sg-"),
        ("AWS", "sg-xyz123"),
        ("AWS", "sg-abc123\n"),
        ("AWS", "SG-ABC123"),
        ("AWS", "sg-" + "a" * 18),
        ("AWS", "vpc-abc123"),
        ("GCP", "-default"),
        ("GCP", "default-"),
        ("GCP", "projects/p/global/networks/default"),
        ("AZURE", "nsg-1"),
        ("AZURE", AZURE_GROUP + "/securityRules/1"),
        ("AZURE", AZURE_GROUP.replace("rg-1", "../rg-1")),
        ("APISIX", "../services/1"),
        ("APISIX", ""),
        ("APISIX", "a" * 65),
    ],
)
def test_a_malformed_identifier_is_told_how_to_look(provider: str, identifier: str) -> None:
    sentence = CLOUDS[provider].check_identifier("any", identifier)

    assert sentence is not None
    assert sentence.startswith("resourceIdentifier must be ")


@pytest.mark.parametrize(
    ("provider", "code", "remedy"),
    [
        ("AWS", "InvalidClientTokenId", "Access Key ID is invalid or doesn't exist"),
        ("AWS", "SignatureDoesNotMatch", "Secret Access Key is incorrect"),
        ("AWS", "UnauthorizedOperation", "IAM policy doesn't allow required EC2 operations"),
        ("GCP", "invalid_grant", "Service account key is invalid or revoked"),
        ("GCP", "Permission denied", "Service account lacks required compute permissions"),
        ("AZURE", "InvalidAuthenticationToken", "Client secret is invalid or expired"),
        ("AZURE", "AuthorizationFailed", "Service principal lacks Network Contributor role"),
    ],
)
def test_the_published_remedies_are_known(provider: str, code: str, remedy: str) -> None:
    assert CLOUDS[provider].hints[code] == remedy


def test_the_policy_of_aws_is_limited_to_the_groups() -> None:
    targets = [Target("eu-central-1", "sg-1", "SECURITY_GROUP"), Target("cn-north-1", "sg-2", "SECURITY_GROUP")]

    assert CLOUDS["AWS"].policy(targets, "123456789012") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "EntryGuardLooks",
                "Effect": "Allow",
                "Action": "ec2:DescribeSecurityGroups",
                "Resource": "*",
            },
            {
                "Sid": "EntryGuardOpensAndCloses",
                "Effect": "Allow",
                "Action": ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"],
                "Resource": [
                    "arn:aws-cn:ec2:cn-north-1:123456789012:security-group/sg-2",
                    "arn:aws:ec2:eu-central-1:123456789012:security-group/sg-1",
                ],
            },
        ],
    }


def test_the_policy_of_aws_without_resources_covers_every_group() -> None:
    assert "arn:aws:ec2:*:*:security-group/*" in str(CLOUDS["AWS"].policy([]))


def test_the_partitions_of_a_policy_are_those_of_the_sdk() -> None:
    from api.clouds.aws_clients import PARTITIONS  # noqa: PLC0415  loads the SDK, which no other test here needs

    for region, partition in PARTITIONS.items():
        assert f"arn:{partition}:ec2:{region}:" in str(CLOUDS["AWS"].policy([Target(region, "sg-1", "SECURITY_GROUP")]))


def test_every_region_that_is_offered_is_one_of_the_sdks() -> None:
    from api.clouds.aws_clients import PARTITIONS  # noqa: PLC0415  loads the SDK, which no other test here needs

    assert set(CLOUDS["AWS"].regions) <= set(PARTITIONS) and len(CLOUDS["AWS"].regions) > 30


def test_the_role_for_azure_is_limited_to_the_resource_groups() -> None:
    role = CLOUDS["AZURE"].policy([Target(None, AZURE_GROUP, "NETWORK_SECURITY_GROUP")])

    assert role["AssignableScopes"] == [f"/subscriptions/{uuid.UUID(int=7)}/resourceGroups/rg-1"]


@EVERY
def test_each_cloud_has_a_policy_to_hand_out(cloud: Cloud) -> None:
    policy = str(cloud.policy([]))

    assert all(permission in policy for permission in cloud.permissions)
