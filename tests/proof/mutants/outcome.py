"""What became of the mutants that `mutmut run` made, as it left them in the folder `mutants`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files

_KILLED = "killed"
# Its tests did not end: a loop without an end, nearly always. Counted as found, and told apart.
_TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many mutants there were, how many of them a test's time limit found, and which live.

    A living mutant is named by its function and by the line that is changed, which last longer than its number does.
    """

    made: int
    timed_out: int
    living: frozenset[str]
    lives: int

    @property
    def share(self) -> float:
        """The part of the mutants that live, of 1."""
        return self.lives / self.made


def outcome() -> Outcome:
    """What the last run came to. Whatever was neither killed nor timed out lives: also what was not tried."""
    found = list(_results())
    ends = Counter(end for _, _, end in found)
    living = [_described(name, path) for name, path, end in found if end not in (_KILLED, _TIMEOUT)]
    return Outcome(len(found), ends[_TIMEOUT], frozenset(living), len(living))


def _results() -> Iterator[tuple[str, Path, str]]:
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name, exit_code in data.exit_code_by_key.items():
            yield name, path, status_by_exit_code[exit_code]


def _described(name: str, path: Path) -> str:
    lines = get_diff_for_mutant(name, path=path).splitlines()[2:]
    was = " ".join(line[1:].strip() for line in lines if line.startswith("-"))
    becomes = " ".join(line[1:].strip() for line in lines if line.startswith("+"))
    function = name.partition("__mutmut_")[0].replace(".x_", ".").replace(".xǁ", ".").replace("ǁ", ".")
    return f"{function}: {was} => {becomes}"
