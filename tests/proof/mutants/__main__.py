"""`python -m tests.proof.mutants` after `mutmut run`: says what lives, and fails if that is unexplained."""

import sys

from tests.proof.ledger import proven
from tests.proof.mutants.outcome import Outcome, outcome
from tests.proof.mutants.survivors import FILE, explained

MOST = 0.03


def main() -> None:
    found = outcome()
    known = explained()
    print(figure(found))
    faults = complaints(found, frozenset(known))
    if faults:
        sys.exit("\n".join(faults))
    proven("MUTANTS", "mutmut, on tests that need no server", f"{figure(found)}, each explained")


def figure(found: Outcome) -> str:
    """The outcome in a line."""
    killed = found.made - found.lives - found.timed_out
    return (
        f"{found.made:,} mutants: {killed:,} killed by a test, {found.timed_out:,} by its time limit, "
        f"{found.lives:,} live ({found.share:.1%})"
    )


def complaints(found: Outcome, known: frozenset[str]) -> list[str]:
    """What is not as it should be."""
    faults = [f"lives, and {FILE.name} does not say why: {mutant}" for mutant in sorted(found.living - known)]
    faults += [f"{FILE.name} explains what does not live: {mutant}" for mutant in sorted(known - found.living)]
    if found.share > MOST:
        faults.append(f"{found.share:.1%} of the mutants live, {MOST:.0%} may")
    return faults


if __name__ == "__main__":
    main()
