"""The tutorial, done as its reader does it: a real server, the stand-in for AWS, curl and Pulumi."""

import shutil

import pytest

from tests.docs.pages import blocks
from tests.docs.tutorial_run import PAGE, Transcript, run

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial is typed with curl, which is not here"),
]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Transcript:
    return run(tmp_path_factory.mktemp("home"))


def test_every_command_of_the_tutorial_ends_well(done: Transcript) -> None:
    assert done.code == 0, done.said[-1]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("auth/me", '"role": "ORG_ADMIN"'),
        ("show < credential.json", '"isValid": null'),
        ("verify?wait=true", '"isValid": true'),
        ("$RESOURCE/verify", '"isActive": true'),
        ("/policy", "ec2:RevokeSecurityGroupIngress"),
        ("--request PATCH", "SignatureDoesNotMatch: Secret Access Key is incorrect"),
        ('api "$API/credentials/$CREDENTIAL" |', '"status": "REJECTED"'),
        ("key-header", "API key lacks scope users:read"),
        ("audit-logs", "CREDENTIAL_VERIFY FAILURE SignatureDoesNotMatch"),
        ("--request DELETE", "204"),
        ("pulumi stack init", "resourcesAreActive: true"),
        ("up failed, as it should", "was refused: SignatureDoesNotMatch"),
        ("pulumi destroy", "4 deleted"),
    ],
)
def test_the_tutorial_shows_what_it_says(done: Transcript, typed: str, shown: str) -> None:
    assert shown in done.to(typed)


def test_every_block_of_the_tutorial_has_its_place() -> None:
    shells = {block.words for block in blocks(PAGE) if block.words[:1] == ("sh",)}
    others = {block.words for block in blocks(PAGE)} - shells

    assert (shells, others) == (
        {("sh",), ("sh", "terminal"), ("sh", "setup"), ("sh", "end")},
        {("text",), ("json",)},
    )
