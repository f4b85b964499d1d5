"""/static-ip-rules: an address that is let in whoever sits there, until somebody says otherwise."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask.views import MethodView

from api import idempotency
from api.access import current_actor, requires
from api.conditional import etag
from api.errors import Conflict, ResourceNotFound, StaleObject, StaticRuleNotFound
from api.identifiers import parse
from api.paging import Page, PageArguments
from api.resources.service import going
from api.room import Room
from api.server import current_server
from api.static_rules import service, shown
from api.static_rules.models import StaticRule
from api.static_rules.schemas import EXAMPLE_ID, ChangedStaticRule, NewStaticRule, ShownStaticRule
from api.static_rules.shown import Overview

room = Room("static-ip-rules", __name__, description="Static rules: addresses that are let in for longer")
ROOMS = ((room, "/static-ip-rules"),)

_NOT_FOUND = StaticRuleNotFound(EXAMPLE_ID)
_NO_RESOURCE = ResourceNotFound("550e8400-e29b-41d4-a716-446655440000")
_TAKEN = Conflict(service.TAKEN)
_GOING = Conflict(going("Web servers", "550e8400-e29b-41d4-a716-446655440000"))
_BEING_DELETED = Conflict(service.BEING_DELETED)

Shown = tuple[Overview, dict[str, str]]


@room.route("")
class StaticRules(MethodView):
    @requires("static-rules:read")
    @room.arguments(PageArguments, location="query")
    @room.response(200, ShownStaticRule(many=True))
    def get(self, page: Page) -> tuple[Sequence[Overview], dict[str, str]]:
        """List static IP rules

        All of your organization, oldest first, those that have expired or are being deleted among them.
        """
        listing = service.listed(current_actor().organisation, page)
        return shown.overviews(listing.rows), listing.headers()

    @requires("static-rules:write")
    @room.arguments(NewStaticRule)
    @room.idempotent
    @room.response(201, ShownStaticRule)
    @room.raises(_NO_RESOURCE, _TAKEN, _GOING)
    def post(self, wanted: service.NewStaticRuleFields) -> Shown:
        """Create static IP rule

        Lets an address, or a network, in to resources, without a session. Workers open them at once; `resourceIps`
        tells what became of it.
        """
        actor, settings = current_actor(), current_server().settings
        rule = idempotency.once(
            idempotency.asked(actor),
            lambda rule_id: service.create(actor, wanted, rule_id, settings),
            lambda rule_id: service.of(actor.organisation, rule_id),
        )
        return _shown(rule)


@room.route("/<static_ip_rule_id>")
class StaticRuleById(MethodView):
    @requires("static-rules:read")
    @room.response(200, ShownStaticRule)
    @room.raises(_NOT_FOUND)
    def get(self, static_ip_rule_id: str) -> Shown:
        """Get static IP rule

        One static rule, with what became of its address on each resource.
        """
        return _shown(service.of(current_actor().organisation, parse(static_ip_rule_id, StaticRuleNotFound)))

    @requires("static-rules:write")
    @room.arguments(ChangedStaticRule)
    @room.response(200, ShownStaticRule)
    @room.raises(_NOT_FOUND, _NO_RESOURCE, _TAKEN, _GOING, _BEING_DELETED, StaleObject())
    def patch(self, wanted: Mapping[str, Any], static_ip_rule_id: str) -> Shown:
        """Change static IP rule

        What is let in and stays the same is not touched. One that has expired lets in again with a later end.
        """
        actor, settings = current_actor(), current_server().settings
        return _shown(service.change(actor, parse(static_ip_rule_id, StaticRuleNotFound), wanted, settings))

    @requires("static-rules:write")
    @room.response(204)
    @room.raises(_NOT_FOUND, _BEING_DELETED, StaleObject())
    def delete(self, static_ip_rule_id: str) -> None:
        """Delete static IP rule

        Its address is let in no more, unless a session or another static rule still needs it. Until it is out of the
        cloud, the rule is there with `deletingSince`, and takes no change.
        """
        service.remove(current_actor(), parse(static_ip_rule_id, StaticRuleNotFound))


def _shown(rule: StaticRule) -> Shown:
    return shown.overview(rule), etag(rule.revision)
