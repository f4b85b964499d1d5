"""What a warm verification costs beside the cloud's own calls, and what a worker's child keeps for itself with ten
credentials of each cloud: `python -m benchmarks.clouds`.

Each credential is verified through the worker (claim, verify, record, on SQLite) and through its kept connection alone,
against the stand-ins over TLS. Prints the median milliseconds that are ours: less the wait for the cloud's answers, and
for a core that somebody else had; then those of the CPU and the cloud's; and the private memory of the child after
those of each cloud have been verified by its threads. Ends with 1 where a bound is broken.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api.clouds import CLOUDS
from api.credentials import secrets
from api.database import bind, connection, current_time, database, write
from api.migrate import migrate
from api.secret import Secret
from api.settings import Settings
from api.start import start
from api.vault import Vault
from tests.clouds.every_cloud import Clouds, Example, every_cloud
from tests.proof.ledger import proven
from tests.rows import make_credential, make_resource
from tests.served_api import settings_in
from tests.server_process import environment_with
from tests.valkey_server import running_valkey

CREDENTIALS = 10
OWN_MILLISECONDS = 30
PRIVATE_MEGABYTES = 40


def main() -> int:
    """Measure, and print the figures beside their bounds. The exit code is 1 where one is broken."""
    with (
        tempfile.TemporaryDirectory(prefix="eg-") as folder,
        running_valkey() as valkey,
        every_cloud() as clouds,
        _front(clouds.aws.endpoint) as front,
    ):
        settings = settings_in(Path(folder), **clouds.settings(Path(folder)), ENTRYGUARD_REDIS_URL=valkey.url)
        settings["ENTRYGUARD_AWS_ENDPOINT_URL"] = f"https://127.0.0.1:{front['port']}"
        with Path(settings["ENTRYGUARD_CA_BUNDLE"]).open("a", encoding="ascii") as authorities:
            authorities.write(front["authority"])
        report = _report(settings, _credentials(settings, clouds))
    times_are_kept, memory_is_kept = _times_are_kept(report["costs"]), _memory_is_kept(report["memory"])
    return 0 if times_are_kept and memory_is_kept else 1


def _times_are_kept(costs: dict[str, Any]) -> bool:
    sys.stdout.write(f"{'cloud':8} {'through':8} {'own ms':>7} {'CPU ms':>7} {'cloud ms':>9} {'own part':>9}\n")
    for cloud, ways in costs.items():
        for way, cost in ways.items():
            sys.stdout.write(
                f"{cloud:8} {way:8} {cost['own']:7.1f} {cost['cpu']:7.1f} {cost['waited']:9.1f}"
                f" {cost['own'] / cost['whole']:9.2f}\n"
            )
    most: float = max(ways["worker"]["own"] for ways in costs.values())
    sys.stdout.write(f"a warm verification: {most:.1f} ms of our own at most; the bound is {OWN_MILLISECONDS}\n")
    if most < OWN_MILLISECONDS:
        proven("BOUNDS", "a warm verification beside the cloud's own calls", f"{most:.1f} ms in the median at most")
    return most < OWN_MILLISECONDS


def _memory_is_kept(megabytes: dict[str, float]) -> bool:
    for cloud, private in megabytes.items():
        sys.stdout.write(f"private MB after {cloud:8} {private:6.1f}\n")
    most = max(megabytes.values())
    sys.stdout.write(f"a child's private memory: {most:.1f} MB; the bound is {PRIVATE_MEGABYTES}\n")
    if most < PRIVATE_MEGABYTES:
        proven("BOUNDS", f"a child's private memory, {CREDENTIALS} credentials of each cloud", f"{most:.1f} MB")
    return most < PRIVATE_MEGABYTES


@contextlib.contextmanager
def _front(url: str) -> Iterator[dict[str, Any]]:
    """The port and the authority of what stands before the AWS stand-in."""
    command = [sys.executable, "-m", "benchmarks.clouds_front", url]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the front's input and output are not connected")
        yield json.loads(process.stdout.readline())
        process.stdin.close()


def _credentials(settings: dict[str, str], clouds: Clouds) -> dict[str, list[str]]:
    """The ids of the credentials of each cloud, each with an object that it may open."""
    bind(settings["ENTRYGUARD_DATABASE_URL"])
    migrate()
    database.close_all()
    vault = start(Settings.from_environment(settings), connections=1)
    ids: dict[str, list[str]] = {name: [] for name in CLOUDS}
    with connection():
        for _ in range(CREDENTIALS):
            for name, example in clouds.examples().items():
                ids[name].append(str(_added(name, example, vault)))
    database.close_all()
    return ids


def _added(name: str, example: Example, vault: Vault) -> uuid.UUID:
    credential = make_credential(provider=name, credential_type=CLOUDS[name].credential_type)
    data = Secret.of_json(example.credential["credentialData"])
    with write():
        secrets.keep(credential, 1, secrets.CURRENT, data, vault, current_time())
    what = example.resource
    make_resource(
        credential,
        resource_type=what["resourceType"],
        resource_identifier=what["resourceIdentifier"],
        region=what.get("region"),
    )
    return credential.id


def _report(settings: dict[str, str], ids: dict[str, list[str]]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.clouds_worker", json.dumps(ids)]
    done = subprocess.run(  # noqa: S603 - our own command
        command, env=environment_with(settings), stdout=subprocess.PIPE, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    sys.exit(main())
