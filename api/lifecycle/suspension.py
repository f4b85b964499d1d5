"""Suspending an organisation, and letting it go on."""

from api.accounts import service as accounts
from api.accounts.models import Organisation
from api.actor import Actor
from api.database import write
from api.resources import service as resources
from api.resources.models import Resource
from api.sessions import service as sessions
from api.static_rules import service as static_rules
from api.targets.models import Grant

ORGANIZATION_SUSPENDED = "ORGANIZATION_SUSPENDED"


def suspend(slug_or_name: str) -> Organisation:
    """Let nobody of an organisation act, and close all that it has open. Raises NotFound, Conflict."""
    with write():
        organisation = accounts.suspend_organisation(slug_or_name)
        theirs = Grant.organisation_id == organisation.id
        sessions.end_grants(Actor.system(organisation.id), theirs, ORGANIZATION_SUSPENDED)
    return organisation


def resume(slug_or_name: str) -> Organisation:
    """Let an organisation go on: its static rules let in again, sessions start anew. Raises NotFound, Conflict."""
    with write():
        organisation = accounts.resume_organisation(slug_or_name)
        resources.held(organisation.id, None)
        static_rules.let_in_again(Resource.organisation_id == organisation.id)
    return organisation
