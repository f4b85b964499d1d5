"""What a user sees of the real Pulumi CLI where something is missing, slow or in the way; and secrets from outside."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pulumi_entryguard.entryguard_standin import API_KEY, GOOD_SECRET, OTHER_GOOD_SECRET, EntryGuard
from tests.pulumi_entryguard.pulumi_stack import Stack

pytestmark = pytest.mark.timeout(300)

AWS = {"name": "AWS prod", "provider": "AWS", "credential_type": "ACCESS_KEY", "verification_timeout": 20}
BY_NAME = {"credential_data_env": {"accessKeyId": "TEST_ACCESS_KEY", "secretAccessKey": "TEST_SECRET_KEY"}}


@pytest.fixture
def stack(tmp_path: Path, entryguard: EntryGuard) -> Iterator[Stack]:
    secrets = {"TEST_ACCESS_KEY": "AKIAIOSFODNN7EXAMPLE", "TEST_SECRET_KEY": GOOD_SECRET}
    stack = Stack(tmp_path, secrets | {"ENTRYGUARD_ENDPOINT": entryguard.url, "ENTRYGUARD_API_KEY": API_KEY})
    yield stack


def test_a_secret_from_the_environment_is_nowhere_and_its_version_rotates_it(
    stack: Stack, entryguard: EntryGuard
) -> None:
    stack.declare(credential=AWS | BY_NAME | {"credential_data_version": 1})
    assert stack.up().code == 0

    assert not stack.files_with(GOOD_SECRET)
    assert GOOD_SECRET not in stack.exported("--show-secrets")
    assert entryguard.secrets[entryguard.only("credentials")["id"]]["secretAccessKey"] == GOOD_SECRET

    stack.environment["TEST_SECRET_KEY"] = OTHER_GOOD_SECRET
    stack.declare(credential=AWS | BY_NAME | {"credential_data_version": 2})
    assert "~ 1 updated" in stack.up().text
    assert entryguard.secrets[entryguard.only("credentials")["id"]]["secretAccessKey"] == OTHER_GOOD_SECRET


def test_a_missing_key_is_said_in_one_line_and_a_preview_needs_none(stack: Stack) -> None:
    del stack.environment["ENTRYGUARD_API_KEY"]
    stack.declare(credential=AWS | BY_NAME)

    assert stack.run("preview").code == 0
    failed = stack.up()

    assert failed.code != 0
    assert "EntryGuard's API key is not known: run `pulumi config set --secret entryguard:apiKey`" in failed.text
    assert "Traceback" not in failed.text


def test_a_wrong_endpoint_makes_nothing_be_forgotten(stack: Stack, entryguard: EntryGuard) -> None:
    stack.declare(credential=AWS | BY_NAME)
    stack.up()
    made = stack.resource("Credential")
    stack.environment["ENTRYGUARD_ENDPOINT"] = f"{entryguard.url}/tools"

    for failed in (stack.refresh(), stack.destroy()):
        assert failed.code != 0
        assert "NOT_FOUND: There is nothing at this path. Is the endpoint right?" in failed.text
    kept = stack.resource("Credential")
    assert (kept["id"], kept["outputs"]) == (made["id"], made["outputs"])
    assert entryguard.only("credentials")["id"] == made["id"]


def test_a_wrong_input_is_said_by_its_name(stack: Stack) -> None:
    stack.declare(credential=AWS | {"credential_data": "a-secret-that-is-text"})

    failed = stack.run("preview")

    assert (
        "property credentialType value {ACCESS_KEY} has a problem: needs a credentialData that is a dict" in failed.text
    )
    assert "a-secret-that-is-text" not in failed.text


def test_a_timeout_of_the_user_ends_the_waiting_and_keeps_the_object(stack: Stack, entryguard: EntryGuard) -> None:
    entryguard.verdict_seconds = 60
    stack.declare(credential=AWS | BY_NAME, create_timeout="2s")

    failed = stack.up()

    assert 'no verdict on credential "AWS prod" in' in failed.text
    assert stack.resource("Credential")["id"] == entryguard.only("credentials")["id"]


def test_an_interrupted_up_loses_no_object(stack: Stack, entryguard: EntryGuard) -> None:
    entryguard.verdict_seconds = 3
    stack.declare(credential=AWS | BY_NAME)

    with stack.command("up", "--yes", "--skip-preview") as started:
        while not entryguard.seen("POST"):
            time.sleep(0.05)
        os.killpg(started.pid, signal.SIGINT)
        started.communicate(timeout=60)

    assert stack.resource("Credential")["id"] == entryguard.only("credentials")["id"]
