"""What becomes of a database that is a copy: it goes on in the original's place, or as an installation of its own."""

import uuid
from collections.abc import Iterable

from api import audit, installation
from api.accounts import service as accounts
from api.accounts.models import Organisation
from api.actor import Actor
from api.database import write
from api.resources import service as resources
from api.resources.models import Resource
from api.sessions import service as sessions
from api.sessions.models import Session
from api.static_rules import service as static_rules
from api.targets import restored


def adopt() -> None:
    """Go on in the original's place: its rules are ours, and what they should be is as this database has it.

    Everything is compared with the clouds. What was added after the backup has our tag and no row, and so it goes; at
    APISIX, where nothing is tagged, it stays.
    """
    with write():
        _tell(_organisations(), "adopted")
        installation.settle_here(installation.identity())
        restored.look_everywhere()


def start_anew() -> None:
    """Leave every rule to the original, and go on under another name with rules of our own.

    Sessions end (MANUAL: it was an operator who said so); static rules let in again. No cloud is asked.
    """
    with write():
        organisations = _organisations()
        _tell(organisations, "newInstallation")
        installation.settle_here(uuid.uuid4())
        for organisation in organisations:
            resources.held(organisation.id, None)
        restored.disown()
        for organisation in organisations:
            static_rules.hold(Resource.organisation_id == organisation.id)
            sessions.end(Actor.system(organisation.id), Session.organisation_id == organisation.id, sessions.MANUAL)
            static_rules.let_in_again(Resource.organisation_id == organisation.id)
        sessions.follow([row.id for row in Session.select(Session.id).where(Session.status == "EXPIRING")])


def _organisations() -> list[Organisation]:
    return list(Organisation.select().order_by(Organisation.id))


def _tell(organisations: Iterable[Organisation], how: str) -> None:
    for organisation in organisations:
        actor = Actor.system(organisation.id)
        audit.record(actor, "ORGANIZATION_UPDATE", accounts.subject(organisation), details={"restored": how})
