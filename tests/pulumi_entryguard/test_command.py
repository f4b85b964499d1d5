"""`entryguard` on the command line, where no server is asked."""

import json
import subprocess
import sys

import pytest
import yaml

from api.clouds import CLOUDS
from tests.pulumi_entryguard.entryguard_command import ROOT, entryguard

SERVER = {"ENTRYGUARD_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize("provider", CLOUDS)
def test_the_least_privilege_for_every_object_is_printed_without_a_server(provider: str) -> None:
    done = entryguard("policy", provider)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == CLOUDS[provider].policy([])
    assert done.stderr == f"{CLOUDS[provider].policy_use}\n"


def test_a_cloud_may_be_written_in_small_letters() -> None:
    assert json.loads(entryguard("policy", "aws").stdout) == CLOUDS["AWS"].policy([])


def test_gcloud_reads_the_role_as_yaml() -> None:
    assert set(yaml.safe_load(entryguard("policy", "GCP").stdout)) == {
        "title",
        "description",
        "stage",
        "includedPermissions",
    }


@pytest.mark.parametrize("arguments", [(), ("policy",), ("policy", "NIMBUS"), ("nothing",), ("policy", "AWS", "GCP")])
def test_a_command_line_that_makes_no_sense_is_told_how_it_goes(arguments: tuple[str, ...]) -> None:
    done = entryguard(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: entryguard")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "set ENTRYGUARD_ENDPOINT, such as https://entryguard.example.com"),
        (SERVER, "set ENTRYGUARD_API_KEY, or ENTRYGUARD_TOKEN to an access token"),
        ({**SERVER, "ENTRYGUARD_ENDPOINT": "ftp://nowhere", "ENTRYGUARD_TOKEN": "a.b.c"}, "must be an address like"),
        ({**SERVER, "ENTRYGUARD_API_KEY": "egk_x"}, "EntryGuard at http://127.0.0.1:1 can't be reached"),
    ],
    ids=["no endpoint", "no key", "no address", "nobody there"],
)
def test_what_cannot_be_done_is_told_in_a_sentence(environment: dict[str, str], said: str) -> None:
    done = entryguard("policy", "--credential", "web", environment=environment)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("entryguard: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_who_has_seen_enough_is_no_failure_of_ours() -> None:
    """As in `entryguard policy AWS | head -n 0`."""
    program = "import sys; from pulumi_entryguard.command import main; input(); sys.exit(main(['policy', 'AWS']))"
    run = [sys.executable, "-c", program]
    with subprocess.Popen(
        run, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.write("\n")
        process.stdin.close()
        assert process.wait(60) == 1
        assert "Traceback" not in process.stderr.read()


def test_what_the_package_exports_is_there_though_it_is_loaded_late() -> None:
    program = """
import sys
import pulumi_entryguard
from pulumi_entryguard.command import main
assert "pulumi" not in sys.modules
assert set(pulumi_entryguard.__all__) <= set(dir(pulumi_entryguard))
assert all(hasattr(pulumi_entryguard, name) for name in pulumi_entryguard.__all__)
assert not hasattr(pulumi_entryguard, "Nothing")
assert "pulumi" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
