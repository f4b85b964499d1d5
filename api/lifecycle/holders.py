"""Whose rules are in the way of a deletion, as an administrator knows them."""

import functools
import operator
from typing import Any

import peewee

from api.sessions.models import Session
from api.static_rules.models import StaticRule
from api.targets.models import Grant
from api.targets.service import REMOVED

_NAMED = 5


def holders_of(*which: peewee.Node) -> str:
    """The sessions and static rules whose rules, by any of these grants, are not gone: the first few by name."""
    grants: Any = Grant.select(Grant.session_id, Grant.static_rule_id).where(
        functools.reduce(operator.or_, which), Grant.status != REMOVED, Grant.rule_id.is_null(False)
    )
    holders = list(dict.fromkeys((one.session_id, one.static_rule_id) for one in grants.order_by(Grant.created_at)))
    named = [_name(session_id, static_rule_id) for session_id, static_rule_id in holders[:_NAMED]]
    if len(holders) > _NAMED:
        named.append(f"{len(holders) - _NAMED} more")
    *all_but_last, last = named or ["rules that are being removed"]
    return f"{', '.join(all_but_last)} and {last}" if all_but_last else last


def _name(session_id: Any, static_rule_id: Any) -> str:
    if session_id is not None:
        return f"session {session_id} of {Session.get_by_id(session_id).user_name}"
    rule = StaticRule.get_or_none(StaticRule.id == static_rule_id)
    if rule is None:
        return f"a static rule that was deleted ({static_rule_id})"
    return f"static rule {rule.label}" + (" (being deleted)" if rule.deleting_since is not None else "")
