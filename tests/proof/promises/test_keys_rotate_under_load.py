"""P9: the key that seals secrets is replaced while servers seal and open, and while the operator's commands crash."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.credentials import verdict
from api.credentials.models import CredentialSecret
from api.database import connection
from api.key_ring import UnknownKey
from api.key_ring_file import KeyRingFile
from api.vault import Vault
from tests.api.commands.conftest import ring_environment, ring_file, running_vault  # noqa: F401  fixtures, by name
from tests.api.conftest import HIGH_LIMITS
from tests.proof.ledger import proven
from tests.proof.promises.busy_api import BusyApi
from tests.proof.promises.watched_starts import WatchedStarts
from tests.proof.scale import FULL
from tests.rotations import make_credentials, opened, sealed_with
from tests.server_process import environment_with

SEED = 9
CREDENTIALS, KILLS, FEWEST_REQUESTS = (10_000, 50, 2000) if FULL else (500, 10, 20)
_BATCH = 500 if FULL else 20
_KILLED = -9


class Operator:
    """Replaces the key over and over. Looks each time what is left to do, as after a crash."""

    def __init__(self, starts: WatchedStarts, environment: dict[str, str], file: KeyRingFile, folder: Path) -> None:
        self._starts, self._environment, self._file, self._folder = starts, environment_with(environment), file, folder
        self._chance = random.Random(SEED)  # noqa: S311 - repeats what was seen, hides nothing
        self._longest = {"add": 0.3, "promote": 0.3, "rewrap": 0.5, "retire": 0.3}
        self.kills = Counter[str]()
        self.rotations = self.refusals = 0

    @property
    def newest(self) -> str:
        return f"round-{self.rotations + 1}"

    def next_step(self) -> list[str] | None:
        """What is to be done now; None: nothing, the newest key is alone."""
        ring = self._file.current()
        if self.newest not in ring.key_ids:
            return ["add", self.newest]
        if ring.primary != self.newest:
            return ["promote", self.newest]
        if set(sealed_with()) - {self.newest}:
            return ["rewrap"]
        old = [key_id for key_id in ring.key_ids if key_id != self.newest]
        return ["retire", old[0]] if old else None

    def rotate(self, kills: int = 0) -> None:
        """Replace the key once, or as often as it takes to be killed so many times, and to the end then."""
        while (step := self.next_step()) is not None or self.kills.total() < kills:
            if step is None:
                self.rotations += 1
                continue
            if step == ["rewrap"]:
                self._is_refused_to_retire_too_early()
            self._do(step, kill=self.kills.total() < kills)
        self.rotations += 1

    def _is_refused_to_retire_too_early(self) -> None:
        needed = next(key_id for key_id in sealed_with() if key_id != self.newest)
        ended = self._starts.run(["keys", "retire", needed], self._environment, self._new_folder())
        assert ended.code == 1 and f"{needed} still seals secrets" in ended.said, ended.said
        assert needed in self._file.current().key_ids
        self.refusals += 1

    def _do(self, step: list[str], *, kill: bool) -> None:
        longest = self._longest[step[0]]
        after = self._chance.uniform(0, longest) if kill else None
        ended = self._starts.run(["keys", *step], self._environment, self._new_folder(), after)
        assert ended.code in (0, _KILLED), ended.said
        self.kills[step[0]] += ended.code == _KILLED
        # So that one that is always killed too early gets on, and one that has ended before is killed again.
        self._longest[step[0]] = longest * (1.3 if ended.code == _KILLED and self.next_step() == step else 0.9)

    def _new_folder(self) -> Path:
        folder = self._folder / f"run-{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        return folder


class Reader(threading.Thread):
    """Opens the secrets that serve, one after the other, as workers do: what does not open is tried once more."""

    def __init__(self, file: KeyRingFile) -> None:
        super().__init__(name="reader")
        self._vault = Vault(KeyRingFile(file.path))
        self._done = threading.Event()
        self.opened = 0
        self.failures: list[str] = []

    def run(self) -> None:
        chance = random.Random(SEED)  # noqa: S311 - chooses what to open
        with connection():
            ids = [row.credential_id for row in CredentialSecret.select(CredentialSecret.credential_id).limit(1000)]
            while not self._done.wait(0.002):
                self._open(chance.choice(ids))

    def _open(self, credential_id: object) -> None:
        for last in (False, True):
            secret = verdict.secret_in_use(credential_id)  # type: ignore[arg-type]
            try:
                if secret is not None:
                    secret.opened(self._vault)
                    self.opened += 1
            except UnknownKey as error:
                # Read before it was re-wrapped, opened after its key was taken away: a worker reads it again.
                if last:
                    self.failures.append(str(error))
                continue
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                self.failures.append(type(error).__name__)
            return

    def end(self) -> None:
        self._done.set()
        self.join()


@pytest.fixture(scope="module")
def starts() -> Iterator[WatchedStarts]:
    with WatchedStarts(f"from api.credentials import key_rotation; key_rotation.BATCH = {_BATCH}") as running:
        yield running


@pytest.mark.shortly("postgresql")
@pytest.mark.timeout(3600 if FULL else 240)
def test_the_key_is_replaced_under_load_however_often_the_operator_is_killed(
    running_vault: Vault,  # noqa: F811  fixtures, as they are asked for
    ring_environment: dict[str, str],  # noqa: F811
    ring_file: KeyRingFile,  # noqa: F811
    starts: WatchedStarts,
    tmp_path: Path,
) -> None:
    make_credentials(running_vault, CREDENTIALS)
    runs = tmp_path / "runs"
    runs.mkdir()
    settings = {**ring_environment, "ENTRYGUARD_RATE_LIMITS": HIGH_LIMITS}
    operator, reader = Operator(starts, settings, ring_file, runs), Reader(ring_file)
    before = ring_file.current()

    with BusyApi(settings, tmp_path) as api:
        reader.start()
        try:
            operator.rotate(KILLS)
            while min(api.answers.total(), reader.opened) < FEWEST_REQUESTS:  # a busy machine answers less in that time
                operator.rotate()
        finally:
            reader.end()

    assert (api.failures, reader.failures) == ([], [])
    assert api.answers.total() >= FEWEST_REQUESTS and reader.opened >= FEWEST_REQUESTS
    ring = ring_file.current()
    assert len(ring.key_ids) == 1 and not set(ring.key_ids) & set(before.key_ids)
    assert set(sealed_with()) == set(ring.key_ids)
    assert len(opened(Vault(ring))) == sum(sealed_with().values()) >= CREDENTIALS
    engine = ring_environment["ENTRYGUARD_DATABASE_URL"].partition(":")[0]
    killed = ", ".join(f"{count} in {step}" for step, count in operator.kills.items() if count)
    proven(
        "P9",
        f"keys of {CREDENTIALS:,} secrets replaced under load, the commands killed, {engine}",
        f"{operator.kills.total()} kill -9 ({killed}) in {operator.rotations} replacements; "
        f"0 of {api.answers.total():,} requests and 0 of {reader.opened:,} openings failed; 0 rows with an old key; "
        f"{operator.refusals} of {operator.refusals} tries to drop a key in use refused",
        SEED,
    )
