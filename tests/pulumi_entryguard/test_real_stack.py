"""One stack with the real Pulumi CLI at a real server: it is lived once, and each test looks at one step."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from examples.demo.cloud import with_wrong_secret
from tests.clouds.aws_standin import AwsStandIn, Key
from tests.pulumi_entryguard.pulumi_stack import Outcome, Stack
from tests.pulumi_entryguard.real_server import RealServer

pytestmark = pytest.mark.timeout(300)

Shown = dict[str, Any]
MISSING = "sg-0123456789abcdef0"


def aws_account(key: Key, **more: Any) -> Shown:
    inputs = {"name": "AWS prod", "provider": "AWS", "credential_type": "ACCESS_KEY", "verification_timeout": 30}
    return {**inputs, "credential_data": key.credential_data, **more}


def web(group: str) -> Shown:
    inputs = {"name": "web", "provider": "AWS", "resource_type": "SECURITY_GROUP", "region": "eu-central-1"}
    return {**inputs, "resource_identifier": group, "config": {"port": 443, "protocol": "tcp"}}


@dataclass
class Life:
    """What was seen at each step."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    states: dict[str, Shown] = field(default_factory=dict)
    at_the_server: dict[str, Shown] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    secrets_in_files: list[str] = field(default_factory=list)

    def credential_id(self, step: str) -> str:
        return str(self.states[step]["id"])


def lived(stack: Stack, real: RealServer, key: Key, group: str) -> Life:
    life, before = Life(), real.ids("credentials") | real.ids("resources")

    def up(step: str, *more: str, **declared: Shown) -> None:
        stack.declare(**declared)
        life.outcomes[step] = stack.up(*more)
        life.states[step] = stack.resource("Credential")
        life.at_the_server[step] = real.shown("credentials", life.states[step]["id"])

    up("wrong secret", credential=aws_account(with_wrong_secret(key)), resource=web(group))
    up("mended", credential=aws_account(key), resource=web(group))
    up("nothing to do", "--expect-no-changes", credential=aws_account(key), resource=web(group))
    up("unknown group", credential=aws_account(key), resource=web(MISSING))
    life.states["web"] = stack.resource("Resource")
    life.at_the_server["web"] = real.shown("resources", life.states["web"]["id"])

    real.administrator.ask("DELETE", f"/credentials/{life.credential_id('unknown group')}")
    up("made again", "--refresh", credential=aws_account(key), resource=web(group))

    data = {"apiUrl": "https://gateway.example.com", "apiKey": key.secret_access_key}
    gateway = aws_account(key, provider="APISIX", credential_type="API_KEY", credential_data=data, require_valid=False)
    up("replaced", credential=gateway)

    life.secrets_in_files = [str(file) for file in stack.files_with(key.secret_access_key)]
    life.outcomes["destroyed"] = stack.destroy()
    life.left = real.ids("credentials") | real.ids("resources")
    life.left -= before
    return life


@pytest.fixture(scope="module")
def key(aws: AwsStandIn) -> Key:
    return aws.user()


@pytest.fixture(scope="module")
def life(real: RealServer, aws: AwsStandIn, key: Key, tmp_path_factory: pytest.TempPathFactory) -> Life:
    access = {"ENTRYGUARD_ENDPOINT": real.url, "ENTRYGUARD_API_KEY": real.key_for_pulumi}
    return lived(Stack(tmp_path_factory.mktemp("life"), access), real, key, aws.security_group())


def test_a_wrong_secret_fails_with_the_words_of_the_cloud(life: Life) -> None:
    assert life.outcomes["wrong secret"].code != 0
    assert '* credential "AWS prod" is invalid: SignatureDoesNotMatch: ' in life.outcomes["wrong secret"].text


def test_it_is_kept_by_both_sides(life: Life) -> None:
    assert life.states["wrong secret"]["initErrors"]
    assert life.at_the_server["wrong secret"]["isValid"] is False


def test_the_next_up_mends_the_same_credential(life: Life) -> None:
    assert life.outcomes["mended"].code == 0, life.outcomes["mended"].text
    assert life.credential_id("mended") == life.credential_id("wrong secret")
    assert life.at_the_server["mended"]["isValid"] is True


def test_then_there_is_nothing_to_do(life: Life) -> None:
    assert life.outcomes["nothing to do"].code == 0, life.outcomes["nothing to do"].text


def test_an_unknown_group_fails_with_the_words_of_the_cloud(life: Life) -> None:
    assert life.outcomes["unknown group"].code != 0
    assert '* resource "web" is not active: InvalidGroup.NotFound: ' in life.outcomes["unknown group"].text


def test_the_resource_is_kept_by_both_sides(life: Life) -> None:
    assert life.states["web"]["initErrors"]
    assert (life.at_the_server["web"]["isActive"], life.at_the_server["web"]["resourceIdentifier"]) == (False, MISSING)


def test_what_was_deleted_outside_is_made_again(life: Life) -> None:
    assert life.outcomes["made again"].code == 0, life.outcomes["made again"].text
    assert life.credential_id("made again") != life.credential_id("unknown group")
    assert life.at_the_server["made again"]["isValid"] is True


def test_another_provider_makes_another_credential(life: Life) -> None:
    assert life.outcomes["replaced"].code == 0, life.outcomes["replaced"].text
    assert life.credential_id("replaced") != life.credential_id("made again")
    assert life.at_the_server["replaced"]["provider"] == "APISIX"


def test_no_failure_shows_a_traceback(life: Life) -> None:
    assert not [step for step, outcome in life.outcomes.items() if "Traceback" in outcome.text]


def test_no_secret_is_said_or_kept_in_the_clear(life: Life, key: Key) -> None:
    assert not [step for step, outcome in life.outcomes.items() if key.secret_access_key in outcome.text]
    assert not life.secrets_in_files


def test_a_destroyed_stack_leaves_nothing_at_the_server(life: Life) -> None:
    assert life.outcomes["destroyed"].code == 0
    assert not life.left
