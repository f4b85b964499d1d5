"""What it costs a caller that Redis is in a bad state: `python -m benchmarks.redis_away`.

Prints the time of POST /credentials with each fault, as the median and the slowest of `REQUESTS`, beside that of the
same server with Redis well just before, and how long the last verdict takes to come. Ends with 1 where a promise is
broken.
Figures of one run compare with each other, not with another machine's.
"""

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from api.credentials.models import Credential
from api.database import bind, connection, database
from api.migrate import migrate
from tests.api.conftest import HIGH_LIMITS
from tests.clouds.aws_standin import AwsStandIn, Key
from tests.proof.ledger import proven
from tests.proof.neighbours.redis_faults import FAULTS
from tests.proof.neighbours.site import VERDICT_SECONDS, Site, aws_credential, running_site
from tests.valkey_server import ValkeyServer, running_valkey

REQUESTS = 60
ADDED_MILLISECONDS = 50


@dataclass(frozen=True, slots=True)
class Round:
    """The milliseconds of each POST, and the seconds from the last one until all have their verdict."""

    times: list[float]
    verdict_seconds: float

    @property
    def median(self) -> float:
        return statistics.median(self.times)


def main() -> int:
    """Measure each fault. The exit code is 1 where one costs more than is promised."""
    with (
        tempfile.TemporaryDirectory(prefix="eg-") as folder,
        AwsStandIn() as aws,
        running_valkey("a password") as valkey,
    ):
        url = f"sqlite:///{folder}/entryguard.sqlite"
        bind(url)
        migrate()
        database.close_all()
        with running_site(url, valkey.url, aws, Path(folder), ENTRYGUARD_RATE_LIMITS=HIGH_LIMITS) as site:
            key = aws.user()
            _measured(site, key)  # warms what is loaded at the first use
            sys.stdout.write(
                f"{'Redis':15} {'median ms':>10} {'well ms':>8} {'added':>6} {'slowest':>8} {'last verdict s':>15}\n"
            )
            kept = [_is_kept(fault, site, valkey, key) for fault in FAULTS]
    return 0 if all(kept) else 1


def _is_kept(fault: str, site: Site, valkey: ValkeyServer, key: Key) -> bool:
    """Print what the fault costs; whether that is what was promised."""
    well = _measured(site, key)
    with FAULTS[fault](valkey):
        faulty = _measured(site, key)
    added = faulty.median - well.median
    sys.stdout.write(
        f"{fault:15} {faulty.median:10.1f} {well.median:8.1f} {added:6.1f} {max(faulty.times):8.1f}"
        f" {faulty.verdict_seconds:15.2f}\n"
    )
    sys.stdout.flush()
    figure = f"{added:+.1f} ms in the median, the last verdict {faulty.verdict_seconds:.1f} s after the last POST"
    proven("P5", f"POST /credentials, {REQUESTS} times, Redis {fault}", figure)
    return added < ADDED_MILLISECONDS and faulty.verdict_seconds < VERDICT_SECONDS


def _measured(site: Site, key: Key) -> Round:
    times = []
    for _ in range(REQUESTS):
        answer = site.ask("POST", "/credentials", aws_credential(key, "measured"))
        if answer.status != 201:
            raise SystemExit(f"POST answered {answer.status}")
        times.append(answer.seconds * 1000)
    started = time.monotonic()
    with connection():
        while Credential.select().where(Credential.is_valid.is_null()).exists():
            time.sleep(0.05)
    return Round(times, time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
