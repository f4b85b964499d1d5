"""Sessions as the API lists them, which are found whatever becomes of them meanwhile."""

import itertools
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pulumi_entryguard.client import Client
from pulumi_entryguard.endpoint import api_key, parse_endpoint
from pulumi_entryguard.sessions import OPEN, own_live
from tests.pulumi_entryguard.http_serving import Handler, serving

ANA = {"id": "9a1f6c1e-7a55-4be4-8a3c-5d0b7c2e9f10", "name": "Ana"}
SESSION = {"id": "7", "userId": ANA["id"], "userName": ANA["name"], "createdAt": "2026-02-18T12:30:00Z"}
MORE_LISTS = 10  # than are asked for


class Api(Handler):
    """It has one session of Ana's, whose state is the next one at each list that is asked for."""

    states: Any

    def do_GET(self) -> None:  # noqa: N802  http.server's name
        asked = urlsplit(self.path)
        if asked.path.endswith("/auth/me"):
            return self._show(ANA)
        status = next(self.states)
        return self._show([SESSION | {"status": status}] if parse_qs(asked.query)["status"] == [status] else [])

    def _show(self, shown: Any) -> None:
        self.reply(200, {}, json.dumps(shown).encode())


@pytest.mark.parametrize(("before", "after"), [*itertools.permutations(OPEN, 2), *((one, "EXPIRING") for one in OPEN)])
def test_a_session_is_found_whenever_its_state_changes_while_they_are_listed(before: str, after: str) -> None:
    for moment in range(MORE_LISTS):
        states = itertools.chain([before] * moment, itertools.repeat(after))
        with serving(type("Bound", (Api,), {"states": states})) as port:
            client = Client(parse_endpoint(f"http://127.0.0.1:{port}"), api_key("egk_x"))

            assert [session["id"] for session in own_live(client)] == ["7"], f"it changed before list {moment + 1}"
