"""The program whose children die: `python -m tests.proof.crashes.runner`, told what to do on its standard input.

It loads the product once and then forks a process for each life, so that a life costs milliseconds. It has one thread
and no connection, so nothing is in a child that a process of its own would not have.
"""

import importlib
import json
import sys

from tests.proof.crashes.points import install, install_on_product


def main() -> None:
    """The first line describes the site, each further one a run; each is answered with a line."""
    points = install()
    runs = importlib.import_module("tests.proof.crashes.runs")
    install_on_product(points)
    ground = runs.Ground(json.loads(sys.stdin.readline()), points)
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(ground.run(json.loads(line)))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
