"""examples/curl, run against the real server with the AWS stand-in behind it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clouds.aws_standin import DESCRIBE, REGION, AwsStandIn, Key, allowing
from tests.pulumi_entryguard.real_server import RealServer, real_server

SCRIPT = Path(__file__).parents[2] / "examples" / "curl" / "main-calls"
SCOPES = ["credentials:read", "credentials:write", "resources:read", "resources:write", "audit:read"]

pytestmark = [
    pytest.mark.skipif(shutil.which("curl") is None, reason="the example is about curl, which is not here"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, aws: AwsStandIn) -> Iterator[RealServer]:
    with real_server(tmp_path_factory.mktemp("server"), aws) as started:
        yield started


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the script ended, and all that it said."""

    code: int
    text: str


def run(server: RealServer, aws: AwsStandIn, key: Key) -> Outcome:
    given = {
        "ENTRYGUARD_ENDPOINT": server.url,
        "ENTRYGUARD_API_KEY": server.new_api_key(SCOPES),
        "ACCESS_KEY_ID": key.access_key_id,
        "SECRET_ACCESS_KEY": key.secret_access_key,
        "SECURITY_GROUP": aws.security_group(),
        "REGION": REGION,
    }
    done = subprocess.run([SCRIPT], env=os.environ | given, capture_output=True, text=True, timeout=90, check=False)
    return Outcome(done.returncode, done.stdout + done.stderr)


def test_the_script_shows_every_call_and_ends_well(server: RealServer, aws: AwsStandIn) -> None:
    done = run(server, aws, aws.user())

    assert done.code == 0, done.text
    assert '"isValid": true' in done.text
    assert '"isActive": true' in done.text
    assert "curl example, renamed" in done.text


def test_the_script_leaves_nothing_behind(server: RealServer, aws: AwsStandIn) -> None:
    run(server, aws, aws.user())

    assert (server.ids("credentials"), server.ids("resources")) == (set(), set())


@pytest.mark.parametrize(
    ("secret", "reason"),
    [("wrong", "SignatureDoesNotMatch"), ('wr"o\\n g', "SignatureDoesNotMatch"), (None, "missing ec2:Authorize")],
)
def test_the_script_ends_with_the_clouds_reason_and_leaves_nothing(
    server: RealServer, aws: AwsStandIn, secret: str | None, reason: str
) -> None:
    good = aws.user(allowing((DESCRIBE,)))

    done = run(server, aws, Key(good.user, good.access_key_id, secret or good.secret_access_key))

    assert done.code != 0
    assert reason in done.text
    assert server.ids("credentials") == set()


def test_no_secret_is_in_what_the_script_says(server: RealServer, aws: AwsStandIn) -> None:
    key = aws.user()

    assert key.secret_access_key not in run(server, aws, key).text
