"""/audit-logs: who did what."""

from collections.abc import Sequence
from typing import Any

import flask
from flask.views import MethodView

from api.access import current_actor, requires
from api.audit_log import export, service
from api.audit_log.schemas import AuditParameters, ShownEvent
from api.room import Room

room = Room("audit-logs", __name__, description="The audit trail: who did what, when, from where")
ROOMS = ((room, "/audit-logs"),)

_EXPORTS = {"jsonl": (export.as_json_lines, "application/jsonl"), "csv": (export.as_csv, "text/csv; charset=utf-8")}
_FILES = {
    "application/jsonl": {"schema": {"type": "string"}, "example": '{"eventType": "CREDENTIAL_CREATE", …}\n'},
    "text/csv": {"schema": {"type": "string"}, "example": "id,eventType,…\r\n"},
}

Listed = tuple[Sequence[Any], dict[str, str]]


@room.route("")
class AuditLog(MethodView):
    @requires("audit:read")
    @room.arguments(AuditParameters, location="query")
    @room.response(200, ShownEvent(many=True), headers={"Content-Disposition": "Content-Disposition"})
    @room.doc(responses={200: {"content": _FILES}})
    def get(self, wanted: service.AuditFilter) -> flask.Response | Listed:
        """List audit events

        What happened in your organization, the last event first and 50 at a time; `format` answers all that match as a
        file, the first event first.
        """
        organisation_id = current_actor().organisation
        if wanted.export is None:
            listing = service.listed(organisation_id, wanted)
            return listing.rows, listing.headers()
        written, content_type = _EXPORTS[wanted.export]
        named = {"Content-Disposition": f'attachment; filename="audit-logs.{wanted.export}"'}
        events = service.every(organisation_id, wanted)
        return flask.Response(written(events), content_type=content_type, headers=named)
