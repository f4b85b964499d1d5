"""Sessions of many people while processes are killed and clouds fail.

Each run's figures are kept in a file of their own, and a run that has one is not done again. Ends with 1 where a
promise is broken.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from benchmarks.storm.figures import read
from benchmarks.storm.page import summary, written
from benchmarks.storm.plan import CALM_RATE, RATE, Mode, Plan
from benchmarks.storm.run import run

_PAGE = Path(__file__).parents[2] / "docs" / "storm.md"
_BESIDE_SECONDS = 60.0


def main() -> int:
    """Do each run that has no figures yet, then tell of all."""
    asked = _arguments().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: what was started must end
        signal.signal(number, signal.default_int_handler)
    for plan in _plans(asked):
        file = asked.figures / f"{plan.name}.json"
        if file.exists():
            continue
        _say(f"{plan.name}: {plan.sessions:,} sessions in {plan.seconds:.0f} s, {plan.kills} kills\n")
        began = time.monotonic()
        figures = run(plan, asked.logs and asked.logs / plan.name)
        figures.keep(file)
        _say(f"{summary(figures)}\ntook {time.monotonic() - began:.0f} s\n")
    all_figures = [read(file) for file in sorted(asked.figures.glob("*.json"))]
    if asked.page:
        asked.page.write_text(written(all_figures), encoding="utf-8")
    return 0 if all(figures.is_kept for figures in all_figures) else 1


def _plans(asked: argparse.Namespace) -> list[Plan]:
    """A storm for each seed; of what chance has less part in, one run."""
    modes = [Mode(mode) for mode in asked.mode]
    seeds = {mode: asked.seed if mode is Mode.STORM else asked.seed[:1] for mode in modes}
    return [_plan(asked, mode, seed) for mode in modes for seed in seeds[mode]]


def _plan(asked: argparse.Namespace, mode: Mode, seed: int) -> Plan:
    kills = asked.kills if mode is Mode.STORM else 0
    rate: float = asked.rate if mode is Mode.STORM else min(asked.rate, CALM_RATE)
    if mode is Mode.CLOUD_AWAY:
        rate = asked.sessions / (asked.away_seconds + _BESIDE_SECONDS)
    return Plan(mode, seed, asked.sessions, kills, rate, asked.away_seconds)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=__doc__)
    modes = f"{', '.join(Mode)}: what the runs are exposed to; all, unless some are named"
    seeds = "one storm each; the other modes take the first"
    parser.add_argument("--mode", nargs="+", choices=list(Mode), default=list(Mode), metavar="MODE", help=modes)
    parser.add_argument("--seed", nargs="+", type=int, default=[1], help=seeds)
    parser.add_argument("--sessions", type=int, default=2_000, help="how many are started in each run (%(default)s)")
    parser.add_argument("--kills", type=int, default=200, help="how many kill -9 in each storm (%(default)s)")
    parser.add_argument(
        "--rate",
        type=float,
        default=RATE,
        help=f"sessions a second (%(default)s; {CALM_RATE} at most where nothing is killed)",
    )
    parser.add_argument("--away-seconds", type=float, default=1_200, help="how long a cloud is away (%(default)s)")
    parser.add_argument("--figures", type=Path, default=Path(".storm"), help="the folder of the figures (%(default)s)")
    parser.add_argument("--logs", type=Path, help="a folder for what the processes say; else it is thrown away")
    parser.add_argument("--page", type=Path, nargs="?", const=_PAGE, help="write docs/storm.md, or this file")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
