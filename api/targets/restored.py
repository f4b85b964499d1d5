"""What a restored or copied database makes of the rules that it remembers."""

import peewee

from api import due
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

    What was opened after the backup has left no row: so each active resource has its target, and none counts as listed.
    """
    which = Resource.is_active & Resource.deleting_since.is_null()
    resources = list(Resource.select().where(which).order_by(Resource.id))
    note_credentials(hold(resources), resources)
    Target.update(listed_at=None).execute()
    due.want(Target, _ALL, Priority.REVOKE)


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
