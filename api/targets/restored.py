"""What a restored or copied database makes of the rules that it remembers."""

import peewee

from api import due
from api.credentials.models import Credential
from api.database import delete, locked, now
from api.due import Priority
from api.resources.models import Resource
from api.targets.holding import hold, note_credentials
from api.targets.models import Grant, Rule, Target
from api.targets.service import REMOVED

_LEFT = "the rule was left to the installation that made it"
_ALL = peewee.SQL("1 = 1")


def look_everywhere() -> None:
    """Have all that may hold rules of ours looked at, also where no row says that there are any. Inside `write`.

    What was opened after the backup has left no row: so each resource has its target, and none counts as listed. The
    last of it may land, or be shown, when all has been looked at: so all is looked at once more. Where nobody could
    look when the backup was made, as the credential was invalid, somebody does once it can be.
    """
    known = Resource.credential_id.in_(Credential.select(Credential.id).where(Credential.account.is_null(False)))
    found = Resource.select().where(known, Resource.deleting_since.is_null()).order_by(Resource.id)
    active = list(found.where(Resource.is_active))
    note_credentials(hold(active), active)
    Target.update(listed_at=None).execute()
    due.want(Target, _ALL, Priority.REVOKE)
    hold(list(found.where(~Resource.is_active)))
    due.have_inherited(Target, _ALL)


def look_where_nobody_could(resource: Resource) -> None:
    """Have the target of a resource that has just become active looked at, if nobody ever has. Inside `write`."""
    account = Credential.select(Credential.account).where(Credential.id == resource.credential_id)
    never = (
        (Target.organisation_id == resource.organisation_id)
        & (Target.provider == resource.provider)
        & (Target.account == account)
        & (Target.region == (resource.region or ""))
        & (Target.identifier == resource.resource_identifier)
        & Target.listed_at.is_null()
        & Target.due_at.is_null()
    )
    Target.update(credential_id=resource.credential_id).where(never).execute()
    due.want(Target, never, Priority.REVOKE)


def disown() -> None:
    """Forget every rule, and end every grant, without a cloud being asked. Inside `write`."""
    locked(Target.select(Target.id).order_by(Target.id)).execute()
    added = Grant.rule_id.in_(Rule.select(Rule.id).where(Rule.is_added))
    Grant.update(
        status=REMOVED,
        ended_at=peewee.fn.COALESCE(Grant.ended_at, now()),
        removed_at=now(),
        error=peewee.Case(None, [(added, _LEFT)], None),
    ).where(Grant.status != REMOVED).execute()
    Grant.update(rule_id=None).where(Grant.rule_id.is_null(False)).execute()
    delete(Rule, _ALL)
