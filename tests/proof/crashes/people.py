"""Somebody who works here, or a pipeline, that has a role and is let in by it."""

import uuid

from api.accounts.service import api_keys, users
from api.actor import Actor
from api.database import connection, write
from api.secret import Secret
from api.sessions import starting
from api.sessions.models import Session
from api.sessions.starting import NewSessionFields
from tests.proof.crashes.cloud_deeds import verified
from tests.proof.crashes.site import PASSWORD, It, Site

_MINUTES = 30


def with_role(site: Site, it: It) -> None:
    """A role that nobody has and that opens nothing."""
    it["role"] = site.ask(it, "POST", "/roles", {"name": "Staff"})["id"]


def with_colleague(site: Site, it: It) -> None:
    """Somebody who may not administer."""
    it["colleague"] = f"bob-{site.run}@example.com"
    wanted = users.NewUser(it["colleague"], "Bob", Secret.of_text(PASSWORD), "USER")
    with connection(), write():
        system = Actor.system(uuid.UUID(it["organisation"]))
        it["user"] = str(users.add(system, wanted, site.password_hash, uuid.uuid4()).id)


def with_unused_role(site: Site, it: It) -> None:
    """A resource, somebody, and a role."""
    verified(site, it)
    with_colleague(site, it)
    with_role(site, it)


def with_pipeline(site: Site, it: It) -> None:
    """A key of the organisation, which nobody's leaving ends; a resource and a role for it."""
    with_unused_role(site, it)
    wanted = api_keys.NewApiKey("Deploy", ["sessions:write"], belongs_to=api_keys.ORGANIZATION)
    with connection(), write():
        made = api_keys.create(Actor.system(uuid.UUID(it["organisation"])), wanted)
    it |= {"pipeline": str(made.row.id), "pipeline's key": made.plain_text}


def with_pipeline_let_in(site: Site, it: It) -> None:
    """A role lets the pipeline open the resource, and it has."""
    with_pipeline(site, it)
    site.ask(it, "PUT", f"/roles/{it['role']}/resources/{it['resource']}")
    site.ask(it, "PUT", f"/roles/{it['role']}/api-keys/{it['pipeline']}")
    asked = site.request("POST", "/sessions", {"durationMinutes": _MINUTES}, {"X-API-Key": it["pipeline's key"]})
    it["session"] = asked["id"]
    site.serve()


def with_colleague_let_in(site: Site, it: It) -> None:
    """A role lets somebody open the resource, and he has."""
    with_unused_role(site, it)
    site.ask(it, "PUT", f"/roles/{it['role']}/resources/{it['resource']}")
    site.ask(it, "PUT", f"/roles/{it['role']}/users/{it['user']}")
    with connection():
        wanted = NewSessionFields(duration_minutes=_MINUTES)
        starting.start(_as_colleague(site, it), wanted, uuid.uuid4(), site.settings)
    site.serve()


def is_let_in_no_more(reason: str, _: Site, it: It) -> None:
    """His session has ended for this reason."""
    with connection():
        session = Session.get(Session.user_id == it["user"])
        assert (session.status, session.ended_reason) == ("CANCELLED", reason)


def _as_colleague(site: Site, it: It) -> Actor:
    who = uuid.UUID(it["user"])
    return Actor(
        kind="USER",
        organisation_id=uuid.UUID(it["organisation"]),
        caller=f"user:{who}",
        email=it["colleague"],
        user_id=who,
        name="Bob",
        role="USER",
        ip_address=site.address,
    )
