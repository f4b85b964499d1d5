"""Many writers on one target, through throttling, lost answers and late ones: what is wanted is there, and no more."""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from api.clouds import Endpoints
from api.clouds.rules import State
from tests.clouds.apisix_standin import ApisixStandIn
from tests.clouds.aws_standin import AwsStandIn
from tests.clouds.azure_standin import AzureStandIn
from tests.clouds.crowds.apisix_scene import ApisixScene
from tests.clouds.crowds.aws_scene import AwsScene
from tests.clouds.crowds.azure_scene import AzureScene
from tests.clouds.crowds.crowd import Crowd, written
from tests.clouds.crowds.gcp_scene import GcpScene
from tests.clouds.crowds.plan import OPERATIONS, PROCESSES, RULES, rules
from tests.clouds.crowds.rows import Row
from tests.clouds.crowds.scene import Scene
from tests.clouds.crowds.writer import Writer
from tests.clouds.gcp_standin import GcpStandIn
from tests.eventually import eventually
from tests.proof.ledger import proven
from tests.proof.scale import FULL

SEED = 2026
_ROOT = Path(__file__).parents[3]
_PAUSE_SECONDS = 0.05

pytestmark = pytest.mark.timeout(1_800 if FULL else 300)


def test_one_security_group_holds_exactly_what_is_wanted(aws: AwsStandIn, at_aws: Endpoints, tmp_path: Path) -> None:
    settled(AwsScene(aws, at_aws, SEED, rules(SEED, have_ports=True)), tmp_path, "one security group of AWS")


def test_one_network_holds_exactly_what_is_wanted(gcp: GcpStandIn, at_gcp: Endpoints, tmp_path: Path) -> None:
    settled(GcpScene(gcp, at_gcp, SEED, rules(SEED, have_ports=True)), tmp_path, "one network of Google Cloud")


def test_one_network_security_group_holds_exactly_what_is_wanted(
    azure: AzureStandIn, at_azure: Endpoints, tmp_path: Path
) -> None:
    scene = AzureScene(azure, at_azure, SEED, rules(SEED, have_ports=True))
    settled(scene, tmp_path, "one network security group of Azure")


def test_one_route_holds_exactly_what_is_wanted(apisix: ApisixStandIn, at_apisix: Endpoints, tmp_path: Path) -> None:
    scene = ApisixScene(apisix, at_apisix, tmp_path, SEED, rules(SEED, have_ports=False))
    settled(scene, tmp_path, "one route of APISIX, one writer at a time")

    entries = apisix.whitelist(scene.target.identifier)
    assert len(entries) == len(set(entries))


def settled(scene: Scene, folder: Path, target: str) -> None:
    """Let the crowd work and somebody else beside it, look after it once as a worker does, and see what is there."""
    crowd = Crowd(
        cloud=scene.cloud,
        secrets=dict(scene.secrets),
        endpoints=written(scene.endpoints),
        target=[scene.target.region or "", scene.target.identifier, scene.target.resource_type],
        folder=str(folder),
        seed=SEED,
        operations=OPERATIONS,
        have_ports=scene.have_ports,
        one_at_a_time=scene.one_at_a_time,
    )
    with scene.failing():
        told, astray = at_work(crowd, scene)
        met = scene.met()["met"]
    assert told["applies"] + told["revokes"] == OPERATIONS
    assert set(met) == set(scene.chances)
    writer = crowd.writer()
    left = writer.not_as_wanted()
    assert [number for number in {*astray, *left} if not may_stray(scene, writer.rows[number])] == []

    writer.settles()

    assert_as_wanted(writer, scene)
    proven(
        "WRITERS",
        target,
        f"{OPERATIONS:,} operations by {PROCESSES} processes, {sum(met.values()):,} faults, "
        f"{told['Throttled'] + told['Unreachable']:,} attempts without a verdict; {len(left)} rules set right "
        f"afterwards, then the {len(writer.wanted())} wanted of {RULES} there and none else; "
        f"{scene.foreign_rules()} foreign rules unchanged, {scene.moves} changes by their owner",
        SEED,
    )


def may_stray(scene: Scene, row: Row) -> bool:
    """The crowd had an answer to all that it asked for: only a change that was done late undoes another."""
    rule = row.rule
    signs = {rule.tag.short, str(rule.tag.rule), str(rule.address), *row.names()}
    is_late = any(sign in about for about in scene.met()["late"] for sign in signs)
    return is_late or (scene.are_shared and [each.address for each in scene.rules].count(rule.address) > 1)


def at_work(crowd: Crowd, scene: Scene) -> tuple[Counter[str], list[int]]:
    """Until all is done, also what was held up on its way: what was done, and which rules were not as was said."""
    command = [sys.executable, "-m", "tests.clouds.crowds"]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(crowd.told())
            process.stdin.close()
            while process.poll() is None:
                scene.move()
                time.sleep(_PAUSE_SECONDS)
            said = process.stdout.read()
        finally:
            process.kill()  # if it has not ended: its children end with it
    assert process.returncode == 0
    assert eventually(lambda: scene.met()["to_come"] == 0)
    told, astray = json.loads(said)
    return Counter(told), astray


def assert_as_wanted(writer: Writer, scene: Scene) -> None:
    listing, ours, wanted = writer.listing(), scene.ours(), writer.wanted()

    assert not [tag for tag in wanted if listing.found[tag].state is not State.PRESENT]
    assert listing.strays == ()
    assert ours <= wanted
    # What is let through by somebody else already is not made again, where a cloud has no two equal rules.
    assert all(listing.found[tag].foreign for tag in wanted - ours)
    assert scene.foreign() == scene.put()
