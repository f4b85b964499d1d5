"""The SQL that this thread's requests send, without its parameters."""

import contextlib
import logging
from collections.abc import Iterator

from api.database import database

_log = logging.getLogger("peewee")


class _Listener(logging.Handler):
    """peewee logs each statement as the pair of its text and its parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, tuple):
            self.heard.append(str(record.msg[0]))


class _TransactionListener(_Listener):
    def emit(self, record: logging.LogRecord) -> None:
        if database.in_transaction():
            super().emit(record)


def heard() -> contextlib.AbstractContextManager[list[str]]:
    """The texts of the statements that are sent in the block, in their order."""
    return _hearing(_Listener())


def heard_in_transactions() -> contextlib.AbstractContextManager[list[str]]:
    """The same of those alone that are sent within a transaction."""
    return _hearing(_TransactionListener())


@contextlib.contextmanager
def _hearing(listener: _Listener) -> Iterator[list[str]]:
    level, passes_on = _log.level, _log.propagate
    _log.addHandler(listener)
    _log.setLevel(logging.DEBUG)
    _log.propagate = False  # pytest keeps what is logged, and there is a lot of it
    try:
        yield listener.heard
    finally:
        _log.removeHandler(listener)
        _log.setLevel(level)
        _log.propagate = passes_on


def is_write(statement: str) -> bool:
    """It changes something that anybody asked for: that a key was used is noted whatever it was used for."""
    is_note = statement.startswith("UPDATE") and "last_used_at" in statement.partition("WHERE")[0]
    return statement.startswith(("INSERT", "UPDATE", "DELETE")) and not is_note
