"""A fifth cloud is one file and one line in the list: all that follows from its declaration follows by itself."""

import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from api.clouds import Cloud, Endpoints, Target, Unreachable
from api.clouds.base import Throttled
from api.clouds.rules import Kept, Rule
from tests.clouds.nimbus import LOOK, OPEN, PASSES_OF_A_GATE, SKY, Nimbus, pass_for
from tests.clouds.promises import PromisesOfACloud, PromisesOfAQuota, PromisesOfPorts, PromisesOfTags
from tests.clouds.sites import adding_before_our_calls

ROOT = Path(__file__).parents[2]


class NimbusSite:
    """Gates of a made-up cloud."""

    cloud: Cloud = Nimbus()
    endpoints = Endpoints()
    shares = False

    def credential_data(self) -> dict[str, str]:
        return self._key(LOOK, OPEN)

    def wrong_credential_data(self) -> dict[str, str]:
        return {"keyName": "rain-7", "skyKey": "another-key"}

    def viewer_credential_data(self) -> dict[str, str]:
        return self._key(LOOK)

    def target(self) -> Target:
        name = "gate" + uuid.uuid4().hex
        SKY.gates[name] = {}
        return Target(None, name, "GATE")

    def no_target(self) -> Target:
        return Target(None, "nowhere", "GATE")

    def add_foreign(self, target: Target, rule: Rule) -> None:
        SKY.gates[target.identifier][f"theirs-{len(SKY.gates[target.identifier])}"] = pass_for(rule)

    def edit(self, target: Target, kept: Kept) -> None:
        SKY.gates[target.identifier][kept.provider_ids[0]] = ("0.0.0.0/0", "all", ())

    def remove(self, target: Target, kept: Kept) -> None:
        del SKY.gates[target.identifier][kept.provider_ids[0]]

    def fill(self, target: Target) -> None:
        SKY.gates[target.identifier] = {str(number): ("", "", ()) for number in range(PASSES_OF_A_GATE)}

    def everything(self, target: Target) -> str:
        return json.dumps(SKY.gates[target.identifier], sort_keys=True)

    @contextmanager
    def silent(self) -> Iterator[None]:
        yield from _while(Unreachable("Nimbus did not answer"))

    @contextmanager
    def throttled(self) -> Iterator[None]:
        yield from _while(Throttled("Nimbus asks to be asked less often"))

    @contextmanager
    def losing_answers(self) -> Iterator[None]:
        SKY.loses_answers = True
        yield
        SKY.loses_answers = False

    def racing(self, target: Target) -> AbstractContextManager[list[Rule]]:
        return adding_before_our_calls(lambda rule: self.add_foreign(target, rule))

    def _key(self, *rights: str) -> dict[str, str]:
        key = f"sky-{uuid.uuid4()}"
        SKY.rights[key] = rights
        return {"keyName": "rain-7", "skyKey": key}


def _while(fault: Exception) -> Iterator[None]:
    SKY.fault = fault
    yield
    SKY.fault = None


class TestNimbus(PromisesOfACloud, PromisesOfTags, PromisesOfPorts, PromisesOfAQuota):
    """The promises, at a cloud that is one file."""

    @pytest.fixture
    def site(self) -> NimbusSite:
        return NimbusSite()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product with a fifth cloud: a file beside the others, and a line in their list."""
    copy = tmp_path_factory.mktemp("house")
    for package in ("api", "tools"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "clouds" / "nimbus.py", copy / "api" / "clouds" / "nimbus.py")
    listed = copy / "api" / "clouds" / "__init__.py"
    text = listed.read_text(encoding="utf-8").replace("Apisix())", "Apisix(), Nimbus())")
    listed.write_text(f"from api.clouds.nimbus import Nimbus\n{text}", encoding="utf-8")
    return copy


def said_in(house: Path, program: str) -> object:
    done = subprocess.run([sys.executable, "-c", program], cwd=house, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_its_credentials_are_checked_field_by_field(house: Path) -> None:
    errors = said_in(
        house,
        "import json; from api.clouds import CLOUDS; from api.clouds.derive import credential_errors\n"
        "print(json.dumps(credential_errors(CLOUDS['NIMBUS'], {'keyName': 7, 'extra': 'x'})))",
    )

    assert errors == {
        "credentialData.keyName": ["credentialData.keyName must be a string"],
        "credentialData.skyKey": ["credentialData.skyKey is required for NIMBUS SKY_KEY credentials"],
        "credentialData.extra": ["credentialData.extra is not a field of NIMBUS SKY_KEY credentials"],
    }


def test_its_options_are_checked(house: Path) -> None:
    errors = said_in(
        house,
        "import json; from api.clouds import CLOUDS; from api.clouds.derive import config_errors\n"
        "print(json.dumps(config_errors(CLOUDS['NIMBUS'], 'GATE', {'port': 0, 'priority': 3})))",
    )

    assert errors == {
        "config.port": ["config.port must be a whole number from 1 to 65535"],
        "config.priority": ["config.priority is not known for NIMBUS GATE resources"],
    }


def test_the_openapi_document_tells_of_it(house: Path) -> None:
    document = said_in(
        house, "import json; from tools.reference.interface import document; print(json.dumps(document()))"
    )

    assert isinstance(document, dict)
    schemas = document["components"]["schemas"]
    assert schemas["NimbusCredentialData"]["required"] == ["keyName", "skyKey"]
    assert schemas["NimbusCredentialData"]["properties"]["skyKey"]["writeOnly"] is True
    assert "NIMBUS" in json.dumps(schemas["NewCredential"])
    assert "GATE" in json.dumps(schemas["NewResource"])


def test_the_pulumi_package_gets_a_typed_form(house: Path) -> None:
    text = said_in(house, "import json; from tools.types.written import written; print(json.dumps(written()))")

    assert isinstance(text, str)
    assert "class NimbusSkyKey:" in text
    assert 'sky_key: pulumi.Input[str] = field(repr=False, metadata={"key": "skyKey"})' in text
    assert "| NimbusSkyKey\n" in text


def test_the_command_line_knows_its_least_privilege(house: Path) -> None:
    said = said_in(house, "from tools.types.least_privilege import written; print(written())")

    assert isinstance(said, dict)
    assert said["NIMBUS"]["policy"] == {"may": [LOOK, OPEN], "gates": ["*"]}


def test_the_reference_tells_of_it(house: Path) -> None:
    page = said_in(house, "import json; from tools.reference.clouds import clouds; print(json.dumps(clouds()))")

    assert isinstance(page, str)
    assert "### NIMBUS: Nimbus" in page
    assert "Gate has no room for one more pass" in page
