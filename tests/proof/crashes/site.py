"""What a deed is done with, in one process: the API, a worker, a sweeper, an operator's command."""

import dataclasses
import os
import uuid
from dataclasses import dataclass
from typing import Any

import flask
from click.testing import CliRunner

from api import notify
from api.access import SCOPES
from api.accounts.service import api_keys, organisations, users
from api.actor import Actor
from api.commands import main as entryguard_server
from api.credentials.models import Credential
from api.database import clock, connection, write
from api.due import Priority
from api.resources.models import Resource
from api.secret import Secret
from api.settings import Settings
from api.vault import Vault
from tests.proof.crashes.cloud import Cloud
from worker import sweep
from worker.desk import desk_for
from worker.drain import Drain

PASSWORD = "correct horse battery staple"
BASE = "/api/v1"
LET_IN = "10.0.0.0/8,172.16.0.0/12"
"""The networks that the runs' addresses are of."""
# What the sweeper does each second, each ten and each minute, it does at its first tick too.
FIRST_TICK = 0
_MOST_SERVED = 50

It = dict[str, str]
"""What a deed is about: ids and the like, which outlive the process."""


class NotDone(Exception):
    """A request that had to succeed was refused."""


def addresses_of(run: str) -> tuple[str, str]:
    """Where a run's requests come from, first and later."""
    one, two, three = bytes.fromhex(run)[:3]
    return f"10.{one}.{two}.{three}", f"172.{16 + one % 16}.{two}.{three}"


@dataclass(slots=True)
class Site:
    """run: a word that is in the names of all that this run makes. is_repeating: what died is done again."""

    run: str
    settings: Settings
    environment: dict[str, str]
    app: flask.Flask
    cloud: Cloud
    vault: Vault
    password_hash: str
    is_repeating: bool = False

    @property
    def address(self) -> str:
        """An address of this run's own, so that nobody else's tries to sign in are counted against it."""
        return addresses_of(self.run)[0]

    @property
    def other_address(self) -> str:
        """Another one, to which somebody has moved."""
        return addresses_of(self.run)[1]

    def found(self, name: str = "Acme") -> It:
        """A company of this run, with an administrator, and a key of hers that may do everything."""
        stranger = Actor.system(None)
        with connection(), write():
            company = organisations.create_organisation(stranger, f"{name} {self.run}", "PAID")
            founder = dataclasses.replace(stranger, organisation_id=company.id)
            wanted = users.NewUser(f"ada-{self.run}@example.com", "Ada", Secret.of_text(PASSWORD), users.ADMIN)
            admin = users.add(founder, wanted, self.password_hash, uuid.uuid4())
            owner = dataclasses.replace(founder, user_id=admin.id, role=admin.role)
            key = api_keys.create(owner, api_keys.NewApiKey("CI", sorted(SCOPES)))
        it = {"organisation": str(company.id), "slug": company.slug, "admin": str(admin.id), "email": admin.email}
        it |= {"key": key.plain_text, "once": f"once-{self.run}"}
        self.ask(it, "GET", "/auth/me")  # that a key was used is noted at its first request
        return it

    def ask(self, it: It, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """What the administrator's key is answered; None where it asks again and learns that it was done."""
        identity = {"X-API-Key": it["key"], "Idempotency-Key": it["once"]}
        return self.request(method, path, body, {**identity, **headers}, {404, 412} if self.is_repeating else set())

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Any = None,
        content_with: set[int] | None = None,
        address: str | None = None,
    ) -> Any:
        """The JSON of an answer; None for a refusal that one is content with. Raises NotDone for any other."""
        where = {"REMOTE_ADDR": address or self.address}
        client = self.app.test_client()
        answer = client.open(f"{BASE}{path}", method=method, json=body, headers=headers, environ_base=where)
        if answer.status_code in (content_with or ()):
            return None
        if answer.status_code >= 300:
            raise NotDone(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.get_json() if answer.data else None

    def add_credential(self, it: It, kind: str = "good", name: str = "Cloud") -> str:
        """Another credential, never verified."""
        once = {"Idempotency-Key": f"{it['once']}-{name}"}
        made: str = self.ask(it, "POST", "/credentials", self.cloud.credential(kind, name), **once)["id"]
        return made

    def add_resource(self, it: It, name: str = "Gateway") -> str:
        """A resource of the credential, never verified."""
        once = {"Idempotency-Key": f"{it['once']}-{name}"}
        made: str = self.ask(it, "POST", "/resources", self.cloud.resource(it["credential"], name), **once)["id"]
        return made

    def serve(self, drain: Drain | None = None, **settings: str) -> int:
        """What a worker's thread does until nothing is due, with these settings of its own; how much was due."""
        drain = drain or self.drain(**settings)
        for served in range(_MOST_SERVED):
            if not drain.serve_one(tuple(Priority)):
                return served
        raise NotDone("the rows never come to rest")

    def drain(self, **settings: str) -> Drain:
        changed = dataclasses.replace(self.settings, **settings)  # type: ignore[arg-type] # each is a text
        return Drain(desk_for(changed, self.vault))

    def sweep(self) -> None:
        """What the sweeper's process does at a tick."""
        sweeper = sweep.Sweeper(notify.Bell(notify.redis_client(self.settings.redis_url)).ring_now)
        with connection():
            sweep._sweep(sweeper, FIRST_TICK)

    def command(self, *arguments: str, text: str = "") -> str:
        """Run `entryguard-server` in this process. Raises NotDone, with what it says, where it fails."""
        for name in [name for name in os.environ if name.startswith("ENTRYGUARD_")]:
            del os.environ[name]
        os.environ.update(self.environment)
        answer = CliRunner().invoke(entryguard_server, arguments, input=text, catch_exceptions=False)
        if answer.exit_code:
            raise NotDone(answer.output)
        return answer.output

    @staticmethod
    def pass_time(seconds: float) -> None:
        """Set the database's clock forward for this process."""
        clock.offset += round(seconds * 1_000_000)


def credential_of(it: It) -> Credential:
    found: Credential = Credential.get_by_id(it["credential"])
    return found


def resource_of(it: It) -> Resource:
    found: Resource = Resource.get_by_id(it["resource"])
    return found
