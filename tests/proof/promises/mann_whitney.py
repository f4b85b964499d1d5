"""Whether two samples of times differ: the test of Mann and Whitney, by its normal approximation."""

import itertools
import math
from collections.abc import Sequence


def p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """How probable so great a difference is where there is none. For samples of more than 20 each."""
    ranked = sorted([(value, True) for value in one] + [(value, False) for value in other])
    total, count, ranks, ties = len(ranked), 0, 0.0, 0
    for _, group in itertools.groupby(ranked, key=lambda pair: pair[0]):
        equal = [is_one for _, is_one in group]
        ranks += sum(equal) * (count + (len(equal) + 1) / 2)
        ties += len(equal) ** 3 - len(equal)
        count += len(equal)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    deviation = math.sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))))
    if deviation == 0:
        return 1.0
    return math.erfc(abs(u - n * m / 2) / deviation / math.sqrt(2))
