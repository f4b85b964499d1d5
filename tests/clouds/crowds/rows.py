"""The rules' rows, in files: whoever has claimed one works on it alone, as with the rows of a database."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from api.clouds.rules import Kept, Rule


@dataclass
class Known:
    """What a row knows of its rule."""

    is_wanted: bool = False
    added: bool = False
    provider_ids: tuple[str, ...] = ()


class Row:
    """One rule's row. What is kept of it outlasts the process."""

    def __init__(self, folder: Path, number: int, rule: Rule) -> None:
        self.rule = rule
        self._file = folder / f"row-{number}.json"
        self._names = folder / f"row-{number}.names"

    @contextmanager
    def claimed(self) -> Iterator[Known]:
        """What is known, until it is let go of. To be kept, it must be told to `keep`."""
        with claimed(self._file):
            yield self.known

    @property
    def known(self) -> Known:
        text = self._file.read_text(encoding="ascii") if self._file.exists() else ""
        known = Known(**json.loads(text or "{}"))
        known.provider_ids = tuple(known.provider_ids)
        return known

    def keep(self, known: Known) -> None:
        self._file.write_text(json.dumps(asdict(known)), encoding="ascii")

        with self._names.open("a", encoding="ascii") as names:
            names.writelines(f"{name}\n" for name in known.provider_ids)

    def names(self) -> set[str]:
        """Every name that the cloud has ever had for what was made for it."""
        return set(self._names.read_text(encoding="ascii").split()) if self._names.exists() else set()

    def kept(self, known: Known) -> Kept:
        return Kept(self.rule, known.provider_ids, known.added)


@contextmanager
def claimed(file: Path) -> Iterator[None]:
    """Nobody else has a claim on the file meanwhile."""
    with file.with_suffix(".claim").open("w", encoding="ascii") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        yield
