"""A running application with two organisations in it, and the way to ask it for anything in the matrix."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from api.app import create_app
from api.due import Priority
from api.openapi import BASE_PATH
from api.settings import Settings
from api.vault import Vault
from tests.proof.callers import CALLERS
from tests.proof.crowd import Crowd, Headers
from tests.proof.matrix import OBJECTS, ROWS, object_of, scope_of
from tests.proof.operations import Operation, operations
from tests.worker.made_up_cloud import MadeUpCloud, as_clouds
from worker.desk import desk_for
from worker.drain import Drain

_LOOK_SECONDS = 0.01

Ids = Mapping[str, str]


class World:
    """own, foreign: an object of each kind in Ada's organisation and in Eve's, which nobody changes."""

    def __init__(self, settings: Settings, vault: Vault) -> None:
        self.settings = settings
        self.vault = vault
        self.cloud = MadeUpCloud()
        self.app = create_app(settings, vault, threads=4)
        self.client = self.app.test_client()
        self.crowd = Crowd(self.client)
        self.operations = operations(self.client.get(f"{BASE_PATH}/openapi.json").get_json())
        self.own = self.made_by(self.crowd.ada)
        self.foreign = self.made_by(self.crowd.eve)
        self.made_by(self.crowd.eve)  # a second of each, so that her lists have a second page
        self._identified: dict[tuple[str, str | None], Headers] = {}

    def made_by(self, maker: Headers, names: Iterable[str] = OBJECTS) -> dict[str, str]:
        """A new object of each kind, or of these kinds."""
        return {name: OBJECTS[name].make(self.crowd, maker) for name in names}

    def headers(self, name: str, operation: Operation, *, afresh: bool = False) -> Headers:
        """How this caller of the operation identifies himself; as the time before, unless it is to be afresh."""
        caller, scope = CALLERS[name], scope_of(operation.name)
        if afresh:
            self.crowd.ask_afresh()
            return caller.identify(self.crowd, scope)
        known = (name, scope if caller.is_key else None)
        if known not in self._identified:
            self._identified[known] = caller.identify(self.crowd, scope)
        return self._identified[known]

    def body(self, operation: Operation, ids: Ids) -> dict[str, Any] | None:
        """A good body; it names the objects `ids`."""
        make = ROWS[operation.name].body
        if make is None:
            return None
        named = {name: ids[object_of(name)] for name in operation.body_ids}
        return {**make(self.crowd), **{name: [one] if name.endswith("s") else one for name, one in named.items()}}

    def ask(self, operation: Operation, headers: Headers, ids: Ids, **options: Any) -> Any:
        """The answer to a good request about `ids`, but for what `options` (json, query, data …) say otherwise."""
        query = options.pop("query", ROWS[operation.name].query)
        options = {"json": self.body(operation, ids), **options} if "data" not in options else options
        path = f"{BASE_PATH}{operation.path.format(**ids)}"
        return self.client.open(path, method=operation.method, headers=headers, query_string=query, **options)

    @contextmanager
    def worker(self) -> Iterator[None]:
        """A worker serves in the block, with a cloud that accepts what it is not told to refuse."""
        drain = self._drain()
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                if not drain.serve_one(tuple(Priority)):
                    done.wait(_LOOK_SECONDS)

        thread = threading.Thread(target=serve, name="worker")
        with self._clouds():
            thread.start()
            try:
                yield
            finally:
                done.set()
                thread.join()

    def serve_due(self) -> None:
        """A new worker serves in this thread what is due, and is gone; more than 200 rows are taken for a hot loop."""
        drain = self._drain()
        with self._clouds():
            for _ in range(200):
                if not drain.serve_one(tuple(Priority)):
                    return
        raise AssertionError("the rows never come to rest")

    def _drain(self) -> Drain:
        return Drain(desk_for(self.settings, self.vault))

    @contextmanager
    def _clouds(self) -> Iterator[None]:
        clouds = as_clouds(self.cloud)
        with mock.patch("worker.connections.CLOUDS", clouds), mock.patch("worker.verify.CLOUDS", clouds):
            yield
