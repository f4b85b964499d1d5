"""Where a process can die: around each commit, each call to a cloud, each ring, each file that is put in its place.

The points are put there from outside, by wrapping the few functions that everything passes through: nobody places one
by hand, and what is added to the product later has its points at once. `install` comes before the product is imported,
since its modules take `write` by name.
"""

import contextlib
import os
import pathlib
import re
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import botocore.endpoint
import peewee
import requests
from requests.adapters import HTTPAdapter

from api import database

KILLED = 137
"""The exit code of what has died at a point."""

_OURS = ("api.", "worker.")
_CLOUDS, _HTTP = "api.clouds.", "api.clouds.http"
_CHANGES = ("INSERT", "UPDATE", "DELETE")
# What stands behind the name of a collection, as in `routes/orders`, and what looks like an id wherever it stands.
_ID = re.compile(r"(?<=s/)[^/:]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Points:
    """The points that this process has passed since it was armed, by name, and where it is to die.

    opened: who opened `write`, within another or not. wrong: what must not happen at any point, and did.
    """

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.opened: set[str] = set()
        self.wrong: list[str] = []
        self._is_armed = False
        self._die_at: int | None = None
        self._last_words: Callable[[], None] = lambda: None
        self._writing: list[str] = []
        self._is_looked_at = False

    def arm(self, die_at: int | None, last_words: Callable[[], None]) -> None:
        """Count from here on, and die at the point with this number; `last_words` is called just before."""
        self._is_armed, self._die_at, self._last_words = True, die_at, last_words

    def disarm(self) -> None:
        self._is_armed = False
        if self._is_looked_at:
            self.wrong.append("a lease was looked at for a call that passed no point")

    @contextlib.contextmanager
    def around(self, what: str) -> Iterator[None]:
        """A point before something that lasts, and one after it."""
        self._pass(f"before {what}")
        yield
        self._pass(f"after {what}")

    @contextlib.contextmanager
    def writing(self, who: str, transaction: contextlib.AbstractContextManager[None]) -> Iterator[None]:
        """A block of `write` that `who` has opened."""
        if self._is_armed:
            self.opened.add(who)
        self._writing.append(who)
        try:
            with transaction:
                yield
        finally:
            self._writing.pop()

    def writer(self) -> str:
        """Who opened the outermost block, and so is who commits."""
        if self._writing:
            return self._writing[0]
        who = _innermost(sys._getframe(2))
        if who != "api.migrate:migrate":
            self._tell(f"{who} commits without `write`")
        return who

    def look_at_lease(self) -> None:
        self._is_looked_at = self._is_armed

    def call_out(self, what: str, *, under_lease: bool) -> None:
        """Something outside is about to be called."""
        if database.database.in_transaction():
            self._tell(f"{what} is called within a transaction")
        if under_lease and not self._is_looked_at:
            self._tell(f"{what} is called without a look at the lease")
        if under_lease:
            self._is_looked_at = False

    def change(self, statement: str) -> None:
        """A statement is about to be sent."""
        if statement.lstrip().upper().startswith(_CHANGES) and not database.database.in_transaction():
            self._tell(f"{_innermost(sys._getframe(2))} changes rows outside of `write`")

    def _pass(self, name: str) -> None:
        if not self._is_armed:
            return
        self.passed.append(name)
        if len(self.passed) - 1 == self._die_at:
            self._last_words()
            os._exit(KILLED)

    def _tell(self, wrong: str) -> None:
        if self._is_armed:
            self.wrong.append(wrong)


def install() -> Points:
    """Put the points around what everything passes through."""
    if imported := [name for name in sys.modules if name.startswith(_OURS) and name != database.__name__]:
        raise RuntimeError(f"{', '.join(imported)} came before the points and may have taken `write`")
    points = Points()
    _name_writers(points)
    _wrap(peewee.Database, "commit", lambda commit, self: _around_commit(points, commit, self))
    _wrap(peewee.Database, "execute_sql", lambda execute, self, sql, *rest: _told(points, execute, self, sql, *rest))
    _wrap(pathlib.Path, "rename", lambda rename, self, target: _around_file(points, rename, self, target))
    _wrap(botocore.endpoint.Endpoint, "make_request", lambda call, *given: _around_call(points, call, *given))
    # Not `_Adapter.send`, which looks at the lease: what it calls then.
    _wrap(HTTPAdapter, "send", lambda send, self, request, **rest: _around_send(points, send, self, request, **rest))
    return points


def install_on_product(points: Points) -> None:
    """The rest, for which the product must be there."""
    from api.notify import Bell  # noqa: PLC0415 - see `install`
    from worker.lease import Lease  # noqa: PLC0415

    _wrap(Lease, "check", lambda check, self: _seen_to(points, check, self))
    _wrap(Bell, "ring_now", lambda ring, self: _around_ring(points, ring, self))
    # The bell has a thread of its own, and may ring before its caller goes on or after; here it is before.
    _wrap(Bell, "ring", lambda _, self: self.ring_now())


def _name_writers(points: Points) -> None:
    write = database.write

    def named() -> contextlib.AbstractContextManager[None]:
        return points.writing(_place(sys._getframe(1)), write())

    database.write = named  # type: ignore[assignment] # used as the original is


def _wrap(owner: type, name: str, wrapper: Callable[..., Any]) -> None:
    original = getattr(owner, name)
    setattr(owner, name, lambda *given, **named: wrapper(original, *given, **named))


def _around_commit(points: Points, commit: Callable[..., None], self: peewee.Database) -> None:
    with points.around(f"the commit of {points.writer()}"):
        commit(self)


def _told(points: Points, execute: Callable[..., Any], self: peewee.Database, sql: str, *rest: Any) -> Any:
    points.change(sql)
    return execute(self, sql, *rest)


def _around_file(points: Points, rename: Callable[..., Any], self: pathlib.Path, target: Any) -> Any:
    with points.around(f"the file of {_innermost(sys._getframe(1))}"):
        return rename(self, target)


def _around_call(points: Points, call: Callable[..., Any], self: Any, operation: Any, request: Any) -> Any:
    what = f"AWS {operation.service_model.service_name} {operation.name}"
    points.call_out(what, under_lease=True)
    with points.around(what):
        return call(self, operation, request)


def _around_send(
    points: Points, send: Callable[..., Any], self: HTTPAdapter, request: requests.PreparedRequest, **options: Any
) -> Any:
    path = _ID.sub("…", urlsplit(str(request.url)).path)
    what = f"{_cloud(sys._getframe(1))} {request.method} {path}"
    points.call_out(what, under_lease=True)
    with points.around(what):
        return send(self, request, **options)


def _seen_to(points: Points, check: Callable[..., None], self: Any) -> None:
    check(self)
    points.look_at_lease()


def _around_ring(points: Points, ring: Callable[..., bool], self: Any) -> bool:
    points.call_out("the bell", under_lease=False)
    with points.around("the ring"):
        return ring(self)


def _innermost(frame: FrameType | None) -> str:
    """The innermost function of ours."""
    while frame is not None and not _place(frame).startswith(_OURS):
        frame = frame.f_back
    return _place(frame) if frame is not None else "nobody"


def _cloud(frame: FrameType | None) -> str:
    """The cloud whose module calls out, as in `GCP` for `api.clouds.gcp_clients`."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.startswith(_CLOUDS) and module != _HTTP:
            return module.removeprefix(_CLOUDS).partition("_")[0].upper()
        frame = frame.f_back
    return "nobody"


def _place(frame: FrameType) -> str:
    return f"{frame.f_globals.get('__name__')}:{frame.f_code.co_qualname}"
