"""Expecting a refusal in so many words: what a caller reads is a part of the API."""

import contextlib
from collections.abc import Iterator

import pytest

from api.errors import EntryGuardError


@contextlib.contextmanager
def refused(error: type[EntryGuardError], sentence: str) -> Iterator[None]:
    """The block raises that very error with that very sentence."""
    with pytest.raises(error) as refusal:
        yield
    assert (type(refusal.value), str(refusal.value)) == (error, sentence)
