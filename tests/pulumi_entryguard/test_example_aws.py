"""The example that a reader copies, run with the real Pulumi CLI."""

import json
from pathlib import Path

import pytest

from tests.pulumi_entryguard.entryguard_standin import API_KEY, GOOD_SECRET, EntryGuard
from tests.pulumi_entryguard.pulumi_stack import ROOT, Stack

pytestmark = pytest.mark.timeout(300)


def test_the_example_makes_a_valid_credential_and_two_active_resources(tmp_path: Path, entryguard: EntryGuard) -> None:
    access = {"ENTRYGUARD_ENDPOINT": entryguard.url, "ENTRYGUARD_API_KEY": API_KEY}
    stack = Stack(tmp_path, access, ROOT / "examples" / "pulumi" / "aws")
    plain = {"region": "eu-central-1", "webSecurityGroupId": "sg-web", "databaseSecurityGroupId": "sg-db"}
    values = [part for name, value in plain.items() for part in ("--plaintext", f"{name}={value}")]
    keys = ["--plaintext", "accessKeyId=AKIAIOSFODNN7EXAMPLE", "--secret", f"secretAccessKey={GOOD_SECRET}"]
    stack.run("config", "set-all", *values, *keys)

    done = stack.up()

    assert done.code == 0, done.text
    outputs = json.loads(stack.run("stack", "output", "--json").text)
    assert (outputs["credentialIsValid"], outputs["resourcesAreActive"]) == (True, True)
    made = {one["resourceIdentifier"]: one["config"] for one in entryguard.objects["resources"].values()}
    assert made == {
        "sg-web": {"port": 443, "protocol": "tcp"},
        "sg-db": {"ports": [5432, 6432], "protocol": "tcp"},
    }
