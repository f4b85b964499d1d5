"""What a page with a thousand rows costs the server beside the API's list of them: `python -m benchmarks.pages`.

Prints the CPU milliseconds of each, one process asking itself, and how many times the list's the page's are, for each
page. The two are asked in turn, so that what else the machine does hits both; the least of each counts, since that can
only add to it. Ends with 1 where a page costs twice the list or more.
"""

import functools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from api.accounts.models import Organisation
from api.app import create_app
from api.database import connection, database, write
from api.limit_table import DEFAULTS
from api.settings import Settings
from api.start import start
from tests.rows import make_credential, make_resource
from tests.served_api import EMAIL, PASSWORD, settings_in
from tests.server_process import command

ROWS = 1000
# Each page, and where the API lists what stands in it; on the page of sessions that is what can be opened.
PAGES = {"credentials": "/credentials", "resources": "/resources", "sessions": "/sessions/resources"}
ROUNDS = 7
TIMES = 2
_HIGH_LIMITS = ";".join(f"{name}=1000000/minute" for name in DEFAULTS)


def main() -> int:
    """Measure each table, and print the figures. The exit code is 1 where one costs too much."""
    with tempfile.TemporaryDirectory(prefix="eg-") as folder, _filled(Path(folder)) as client:
        bearer = {"Authorization": f"Bearer {_signed_in(client)}"}
        packed = {"Accept-Encoding": "gzip"}
        sys.stdout.write(f"{'page':12} {'page ms':>8} {'list ms':>8} {'times':>6} {'page kB':>8}\n")
        times = []
        for name, path in PAGES.items():
            page, listed = _least(
                functools.partial(client.get, f"/{name}", headers=packed),
                functools.partial(client.get, f"/api/v1{path}", headers=bearer),
            )
            size = len(client.get(f"/{name}", headers=packed).data)
            sys.stdout.write(f"{name:12} {page:8.1f} {listed:8.1f} {page / listed:6.2f} {size / 1000:8.1f}\n")
            times.append(page / listed)
    return 0 if max(times) < TIMES else 1


@contextmanager
def _filled(folder: Path) -> Iterator[FlaskClient]:
    """The application over a database with these rows."""
    settings = settings_in(folder, ENTRYGUARD_RATE_LIMITS=_HIGH_LIMITS)
    administrator = ("admin", "create", "--email", EMAIL, "--organization", "Acme")
    for arguments, text in ((("migrate",), ""), (administrator, f"{PASSWORD}\n")):
        done = command(*arguments, settings=settings, text=text)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
    read = Settings.from_environment(settings)
    app = create_app(read, start(read, 4), threads=4)
    with connection():
        _fill(Organisation.get())
    yield app.test_client()
    database.close_all()


def _fill(organisation: Organisation) -> None:
    with write():
        credentials = [make_credential(organisation, is_valid=True) for _ in range(ROWS)]
        for _ in range(ROWS):
            make_resource(credentials[0], config={"ports": [80, 443]}, is_active=True)


def _signed_in(client: FlaskClient) -> str:
    """Signed in on the pages, with a cookie; answers a token for the API."""
    client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD}, headers={"Sec-Fetch-Site": "same-origin"})
    answer: Any = client.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD}).json
    return str(answer["accessToken"])


def _least(*asks: Callable[[], Any]) -> list[float]:
    """The CPU milliseconds of each, asked in turn: the least of some rounds, after one that warms what is kept."""
    costs: list[list[float]] = [[] for _ in asks]
    for number in range(ROUNDS + 1):
        for ask, cost in zip(asks, costs, strict=True):
            begun = time.process_time()
            answer = ask()
            spent = (time.process_time() - begun) * 1000
            if answer.status_code != 200:
                raise RuntimeError(f"{answer.request.path}: {answer.status}")
            if number:
                cost.append(spent)
    return [min(cost) for cost in costs]


if __name__ == "__main__":
    sys.exit(main())
