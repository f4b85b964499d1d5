"""The steps of the demo: what each is for, what it does, and what it must show."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from examples.demo.cloud import with_wrong_secret
from examples.demo.expectation import expect
from examples.demo.screen import Screen
from examples.demo.stage import Stage
from tests.clouds.aws_standin import Key

NAME = "AWS demo account"
RENAMED = "Renamed by hand"


@dataclass
class Play:
    """The stage and the screen, and what one step leaves for a later one."""

    stage: Stage
    screen: Screen
    api_key: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    key_in_use: Key | None = None
    session_id: str = ""

    def credential(self) -> dict[str, Any]:
        """The one credential, as the API shows it. Raises Disappointment if there is another number of them."""
        found: list[dict[str, Any]] = self.stage.as_administrator().ask("GET", "/credentials")
        expect(len(found) == 1, "one credential in EntryGuard", f"{len(found)}")
        return found[0]

    def resources(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.stage.as_administrator().ask("GET", "/resources")
        return found

    def use(self, key: Key) -> None:
        """Write an access key into the stack's configuration."""
        self.stage.program.configure({"accessKeyId": key.access_key_id})
        self.stage.program.configure_secret("secretAccessKey", key.secret_access_key)


@dataclass(frozen=True, slots=True)
class Step:
    """`play` does it and gives the outcome, a sentence. It raises Disappointment where it shows what it should not."""

    title: str
    sentence: str
    play: Callable[[Play], str]


def build_cloud(play: Play) -> str:
    play.stage.start_cloud()
    cloud = play.stage.cloud
    return f"a user, a VPC and the security groups {cloud.web} and {cloud.database}"


def start_server(play: Play) -> str:
    play.stage.start_server()
    return f"EntryGuard is ready at {play.stage.url}"


def let_pulumi_in(play: Play) -> str:
    stage = play.stage
    play.api_key = stage.make_api_key()
    stage.make_program(play.screen.quote)
    stage.program.configure(
        {
            "entryguard:endpoint": stage.url,
            "accountName": NAME,
            "region": stage.cloud.region,
            "webSecurityGroupId": stage.cloud.web,
            "databaseSecurityGroupId": stage.cloud.database,
        }
    )
    stage.program.configure_secret("entryguard:apiKey", play.api_key["plainTextKey"])
    play.key_in_use = stage.cloud.key
    play.use(stage.cloud.key)
    return f"{play.api_key['keyPrefix']}… may read and write credentials and resources, nothing else"


def preview(play: Play) -> str:
    outcome = play.stage.program.preview()
    expect(outcome.code == 0 and "+ 4 to create" in outcome.text, "a preview with 4 to create", outcome.summary)
    made = play.stage.as_administrator().ask("GET", "/credentials")
    expect(made == [], "a preview that makes nothing", f"{len(made)} credentials")
    return "a credential and two resources, in a stack; nothing is made yet"


def create(play: Play) -> str:
    outcome = play.stage.program.up_with_outputs()
    expect(outcome.code == 0 and "+ 4 created" in outcome.text, "an up with 4 created", outcome.summary)
    credential = play.credential()
    expect(credential["isValid"] is True, "a valid credential", f"isValid {credential['isValid']}")
    active = [resource["isActive"] for resource in play.resources()]
    expect(active == [True, True], "two active resources", f"isActive {active}")
    return f"AWS account {credential['account']}: the credential is valid, both groups are active"


def up_again(play: Play) -> str:
    outcome = play.stage.program.up("--expect-no-changes")
    expect(outcome.code == 0 and "4 unchanged" in outcome.text, "nothing to do", outcome.summary)
    return "nothing to do: 4 unchanged"


def find_drift(play: Play) -> str:
    api = play.stage.as_administrator()
    api.ask("PATCH", f"/credentials/{play.credential()['id']}", {"name": RENAMED})
    outcome = play.stage.program.refresh()
    found = outcome.code == 0 and "~ 1 updated" in outcome.text and "~name" in outcome.text
    expect(found, "a refresh that finds the new name", outcome.summary)
    return "Pulumi has found the new name (the secret is never read back)"


def mend_drift(play: Play) -> str:
    outcome = play.stage.program.up()
    expect(outcome.code == 0 and "~ 1 updated" in outcome.text, "an up with 1 updated", outcome.summary)
    name = play.credential()["name"]
    expect(name == NAME, f"the name {NAME}", name)
    return f"it is called “{NAME}” again"


def rotate(play: Play) -> str:
    cloud, old = play.stage.cloud, play.key_in_use
    new = cloud.second_key()
    play.use(new)
    outcome = play.stage.program.up()
    expect(outcome.code == 0 and "~ 1 updated" in outcome.text, "an up with 1 updated", outcome.summary)
    if old is not None:
        cloud.deactivate(old)
    play.key_in_use = new
    credential = play.credential()
    verified = play.stage.as_administrator().ask("POST", f"/credentials/{credential['id']}/verify?wait=true")
    is_new = (verified["isValid"], verified["secretVersion"]) == (True, 2)
    expect(is_new, "a valid credential with its second secret", _verdict(verified))
    return "the new key is in use: the old one is deactivated, and the credential is still valid"


def mistake(play: Play) -> str:
    if play.key_in_use is not None:
        play.use(with_wrong_secret(play.key_in_use))
    outcome = play.stage.program.up()
    said = outcome.code != 0 and "SignatureDoesNotMatch" in outcome.text and "Traceback" not in outcome.text
    expect(said, "an up that fails with SignatureDoesNotMatch", outcome.summary)
    credential = play.credential()
    rejected = credential["isValid"] is True and (credential["pendingUpdate"] or {}).get("status") == "REJECTED"
    expect(rejected, "a rejected new secret and a valid old one", _verdict(credential))
    return "`pulumi up` failed with AWS's own word, and the key that works stays in use"


def mend_mistake(play: Play) -> str:
    if play.key_in_use is not None:
        play.use(play.key_in_use)
    outcome = play.stage.program.up()
    expect(outcome.code == 0 and "~ 1 updated" in outcome.text, "an up with 1 updated", outcome.summary)
    credential = play.credential()
    mended = credential["isValid"] is True and credential["pendingUpdate"] is None
    expect(mended, "a valid credential with nothing pending", _verdict(credential))
    return "the next `pulumi up` has mended it"


def _verdict(credential: dict[str, Any]) -> str:
    told = ("isValid", "verificationError", "secretVersion", "pendingUpdate")
    return ", ".join(f"{name} {credential[name]}" for name in told)


STORY = (
    Step(
        "An AWS account",
        "A stand-in on this machine, which checks signatures and permissions. Its user may do what it takes, no more.",
        build_cloud,
    ),
    Step(
        "entryguard-server dev",
        "API, worker, sweeper, SQLite and Valkey in one command, on a free port.",
        start_server,
    ),
    Step(
        "An API key for Pulumi",
        "Made through the API; it goes into the stack's configuration, encrypted, beside the AWS key.",
        let_pulumi_in,
    ),
    Step("pulumi preview", "What would be made?", preview),
    Step("pulumi up", "Make it, and wait until EntryGuard has asked AWS about each.", create),
    Step("pulumi up, again", "Nothing has changed.", up_again),
    Step("pulumi refresh", "Somebody renames the credential behind Pulumi's back. Does Pulumi notice?", find_drift),
    Step("pulumi up", "Pulumi writes back what the program says.", mend_drift),
    Step(
        "Rotate the secret key",
        "A second access key at AWS, `pulumi up`, then the first one is deactivated.",
        rotate,
    ),
    Step("A wrong secret", "One character is mistaken. What does the user read?", mistake),
    Step("pulumi up", "The right secret again.", mend_mistake),
)
