"""A step of the demo shows what it should, or the demo has failed."""


class Disappointment(Exception):
    """What was expected, and what came instead."""

    def __init__(self, expected: str, came: object) -> None:
        super().__init__(f"expected {expected}; what came: {came}")
        self.expected = expected
        self.came = str(came)


def expect(is_so: bool, expected: str, came: object) -> None:
    """Raises Disappointment unless it is so. `expected` and `came` are for the reader: no secret in them."""
    if not is_so:
        raise Disappointment(expected, came)
