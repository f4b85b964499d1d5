"""A crowd of processes that works on one target: told by standard input what to do, it tells what became of it.

The SDK is loaded once, and every process is forked from that and makes a connection of its own, as workers do.
"""

import gc
import json
import os
import sys
import traceback
from collections import Counter
from itertools import islice
from pathlib import Path

from api.clouds import CLOUDS
from api.process import die_with_parent
from tests.clouds.crowds.crowd import Crowd
from tests.clouds.crowds.plan import PROCESSES, deeds


def main() -> int:
    crowd = Crowd(**json.load(sys.stdin))
    CLOUDS[crowd.cloud].preload()
    gc.freeze()
    parent, pids = os.getpid(), []
    for number in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            die_with_parent(parent)
            os._exit(_work(crowd, number))
        pids.append(pid)
    statuses = [os.waitpid(pid, 0)[1] for pid in pids]
    told: Counter[str] = Counter()
    astray: list[int] = []
    for number in range(PROCESSES):
        counted, strays = json.loads(_told_by(crowd, number).read_text(encoding="ascii"))
        told.update(counted)
        astray += strays
    sys.stdout.write(json.dumps([told, astray]))
    return 1 if any(statuses) else 0


def _work(crowd: Crowd, number: int) -> int:
    writer = crowd.writer()
    try:
        for deed in islice(deeds(crowd.seed, crowd.operations), number, None, PROCESSES):
            writer.does(deed)
    except Exception:  # noqa: BLE001 - it is told, and fails the whole crowd; a child ends in no other way
        traceback.print_exc()
        return 1
    finally:
        _told_by(crowd, number).write_text(json.dumps([writer.told, writer.astray]), encoding="ascii")
    return 0


def _told_by(crowd: Crowd, number: int) -> Path:
    return Path(crowd.folder) / f"told-{number}.json"


if __name__ == "__main__":
    sys.exit(main())
