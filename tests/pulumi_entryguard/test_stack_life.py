"""One stack from preview to destroy, with the real Pulumi CLI: it is lived once, and each test looks at one step."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.pulumi_entryguard.entryguard_standin import (
    API_KEY,
    GOOD_SECRET,
    OTHER_GOOD_SECRET,
    SIGNATURE_ERROR,
    WRONG_SECRET,
    EntryGuard,
    running_entryguard,
)
from tests.pulumi_entryguard.pulumi_stack import Outcome, Stack

pytestmark = pytest.mark.timeout(300)

Shown = dict[str, Any]
WEB = {
    "name": "web",
    "provider": "AWS",
    "resource_type": "SECURITY_GROUP",
    "resource_identifier": "sg-web",
    "region": "eu-central-1",
    "config": {"port": 443, "protocol": "tcp"},
}


def aws(secret: str, **more: Any) -> Shown:
    data = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": secret}
    inputs = {"name": "AWS prod", "provider": "AWS", "credential_type": "ACCESS_KEY", "verification_timeout": 20}
    return {**inputs, "credential_data": data, **more}


@dataclass
class Life:
    """What was seen at each step."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    states: dict[str, Shown] = field(default_factory=dict)
    in_the_api: dict[str, Shown] = field(default_factory=dict)
    requests_while_previewing: int = 0
    secrets_in_files: list[str] = field(default_factory=list)

    @property
    def everything(self) -> str:
        return "\n".join(outcome.text for outcome in self.outcomes.values()) + repr(self.states)


def lived(stack: Stack, entryguard: EntryGuard) -> Life:
    life = Life()
    say = life.outcomes

    stack.declare(credential=aws(WRONG_SECRET), resource=WEB)
    say["preview"] = stack.run("preview")
    say["preview as JSON"] = stack.run("preview", "--json")
    life.requests_while_previewing = len(entryguard.requests)
    say["wrong"] = stack.up()
    life.states["wrong"] = stack.resource("Credential")
    say["wrong, refreshed"] = stack.refresh()

    stack.declare(credential=aws(GOOD_SECRET), resource=WEB)
    say["mended"] = stack.up()
    life.states["mended"] = stack.resource("Credential")
    say["nothing to do"] = stack.up("--expect-no-changes")

    entryguard.only("credentials")["name"] = "DRIFTED"
    entryguard.only("resources")["config"] = {"port": 22}
    say["refreshed"] = stack.refresh()
    say["drift mended"] = stack.up()
    life.in_the_api["drift mended"] = entryguard.only("credentials") | {"web": dict(entryguard.only("resources"))}

    stack.declare(credential=aws(WRONG_SECRET), resource=WEB)
    say["rotation refused"] = stack.up()
    life.in_the_api["rotation refused"] = dict(entryguard.only("credentials"))

    stack.declare(credential=aws(OTHER_GOOD_SECRET, name="AWS live"), resource=WEB)
    say["rotated"] = stack.up("--diff")
    life.in_the_api["rotated"] = entryguard.only("credentials") | {"secret": dict(entryguard.secrets)}

    stack.declare(credential=aws(OTHER_GOOD_SECRET, credential_type="ROLE"), resource=WEB)
    say["replaced"] = stack.up()
    life.in_the_api["replaced"] = entryguard.only("credentials") | {"web": dict(entryguard.only("resources"))}

    for secret in (GOOD_SECRET, OTHER_GOOD_SECRET, WRONG_SECRET, API_KEY):
        life.secrets_in_files += [str(file) for file in stack.files_with(secret)]
    say["destroyed"] = stack.destroy()
    return life


@pytest.fixture(scope="module")
def entryguard() -> Iterator[EntryGuard]:
    with running_entryguard() as entryguard:
        yield entryguard


@pytest.fixture(scope="module")
def life(entryguard: EntryGuard, tmp_path_factory: pytest.TempPathFactory) -> Life:
    stack = Stack(tmp_path_factory.mktemp("life"), {})
    stack.run("config", "set", "entryguard:endpoint", entryguard.url)
    stack.run("config", "set", "--secret", "entryguard:apiKey", API_KEY)
    return lived(stack, entryguard)


def test_a_preview_shows_both_objects_while_ids_are_unknown(life: Life) -> None:
    assert life.outcomes["preview"].code == 0
    assert "+ 3 to create" in life.outcomes["preview"].text


def test_a_preview_asks_the_api_nothing(life: Life) -> None:
    assert life.requests_while_previewing == 0


def test_a_wrong_secret_fails_with_the_words_of_the_cloud(life: Life) -> None:
    assert life.outcomes["wrong"].code != 0
    assert f'* credential "AWS prod" is invalid: {SIGNATURE_ERROR}\n' in life.outcomes["wrong"].text


def test_no_failure_shows_a_traceback(life: Life) -> None:
    assert "Traceback" not in life.everything
    assert "File " not in life.everything


def test_a_credential_with_a_wrong_secret_is_kept(life: Life) -> None:
    kept = life.states["wrong"]

    assert kept["id"]
    assert kept["outputs"]["isValid"] is False
    assert kept["initErrors"] == [f'credential "AWS prod" is invalid: {SIGNATURE_ERROR}']


def test_a_refresh_warns_of_it(life: Life) -> None:
    assert life.outcomes["wrong, refreshed"].code == 0
    assert 'warning: Refreshed resource is in an unhealthy state:\n    * credential "AWS prod" is invalid' in (
        life.outcomes["wrong, refreshed"].text
    )


def test_the_next_up_mends_it(life: Life) -> None:
    assert life.outcomes["mended"].code == 0
    assert life.states["mended"]["id"] == life.states["wrong"]["id"]
    assert not life.states["mended"].get("initErrors")


def test_numbers_are_integers_for_the_program(life: Life) -> None:
    assert 'secret version, doubled: "22"' in life.outcomes["mended"].text
    assert 'port                   : "443"' in life.outcomes["mended"].text


def test_a_second_up_has_nothing_to_do(life: Life) -> None:
    assert life.outcomes["nothing to do"].code == 0
    assert "3 unchanged" in life.outcomes["nothing to do"].text


def test_a_refresh_finds_what_was_changed_behind_pulumis_back(life: Life) -> None:
    assert "~ 2 updated" in life.outcomes["refreshed"].text


def test_the_next_up_writes_it_back(life: Life) -> None:
    assert life.outcomes["drift mended"].code == 0
    assert life.in_the_api["drift mended"]["name"] == "AWS prod"
    assert life.in_the_api["drift mended"]["web"]["config"] == {"port": 443, "protocol": "tcp"}


def test_a_refused_rotation_fails_with_the_words_of_the_cloud_and_leaves_the_old_secret_in_use(life: Life) -> None:
    assert life.outcomes["rotation refused"].code != 0
    said = f'* the new secret of credential "AWS prod" was refused: {SIGNATURE_ERROR}\n'
    assert said in life.outcomes["rotation refused"].text
    assert life.in_the_api["rotation refused"]["isValid"] is True


def test_a_secret_is_rotated_in_place(life: Life) -> None:
    assert life.outcomes["rotated"].code == 0
    rotated = life.in_the_api["rotated"]
    assert (rotated["name"], rotated["isValid"], rotated["id"]) == ("AWS live", True, life.states["mended"]["id"])
    assert rotated["secret"][rotated["id"]]["secretAccessKey"] == OTHER_GOOD_SECRET


def test_another_type_makes_a_new_credential_and_moves_the_resource_to_it(life: Life) -> None:
    assert life.outcomes["replaced"].code == 0
    replaced = life.in_the_api["replaced"]
    assert replaced["id"] != life.states["mended"]["id"]
    assert replaced["web"]["credentialId"] == replaced["id"]


def test_no_secret_is_in_the_clear_in_any_file(life: Life) -> None:
    assert not life.secrets_in_files


@pytest.mark.parametrize("secret", [GOOD_SECRET, OTHER_GOOD_SECRET, WRONG_SECRET, API_KEY])
def test_no_secret_is_said(life: Life, secret: str) -> None:
    assert secret not in life.everything


def test_the_digest_is_encrypted_too(life: Life) -> None:
    assert "ciphertext" in life.states["wrong"]["outputs"]["credentialDataDigest"]
    assert "ciphertext" in life.states["mended"]["outputs"]["credentialDataDigest"]


def test_a_destroyed_stack_leaves_nothing(life: Life, entryguard: EntryGuard) -> None:
    assert life.outcomes["destroyed"].code == 0
    assert entryguard.objects == {"credentials": {}, "resources": {}}
