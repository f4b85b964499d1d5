from configparser import ConfigParser

import pulumi_entryguard
from tests.pulumi_entryguard.pulumi_stack import ROOT


def test_the_package_and_its_wheel_have_the_same_version() -> None:
    wheel = ConfigParser()
    wheel.read(ROOT / "pulumi_entryguard" / "setup.cfg")

    assert wheel["metadata"]["version"] == pulumi_entryguard.__version__
