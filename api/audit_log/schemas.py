"""The shapes of the audit trail's requests and answers."""

from marshmallow import fields, validate

from api.audit_log.service import AuditFilter
from api.paging import NewestPageArguments
from api.schemas import Body, Moment, Text


class AuditParameters(NewestPageArguments):
    """The query of GET /audit-logs."""

    target = AuditFilter

    event_type = Text(
        validate=validate.Length(1, 64), metadata={"description": "Only these events, such as CREDENTIAL_CREATE"}
    )
    actor_email = Text(
        validate=validate.Length(1, 320),
        metadata={"description": "Only what this actor did, such as ada@example.com"},
    )
    earliest = Moment(data_key="from", metadata={"description": "Not before (UTC), such as 2026-02-18T00:00:00Z"})
    latest = Moment(data_key="to", metadata={"description": "Before (UTC), such as 2026-02-19T00:00:00Z"})
    export = fields.String(
        data_key="format",
        validate=validate.OneOf(["jsonl", "csv"]),
        metadata={"description": "Answer all that match as a file: one JSON object a line, or CSV"},
    )


class ShownEvent(Body):
    """One thing that happened."""

    id = fields.UUID(
        metadata={"description": "Unique event identifier", "example": "0f8fad5b-d9cb-469f-a165-70867728950e"}
    )
    event_type = fields.String(metadata={"description": "What happened", "example": "CREDENTIAL_CREATE"})
    actor_type = fields.String(metadata={"description": "USER, API_KEY or SYSTEM", "example": "USER"})
    actor_email = fields.String(
        allow_none=True, metadata={"description": "Who did it, or the API key's name", "example": "ada@example.com"}
    )
    ip_address = fields.String(allow_none=True, metadata={"description": "From where", "example": "203.0.113.7"})
    resource_type = fields.String(allow_none=True, metadata={"description": "Kind of object", "example": "CREDENTIAL"})
    resource_id = fields.String(
        allow_none=True, metadata={"description": "Its id", "example": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}
    )
    resource_name = fields.String(allow_none=True, metadata={"description": "Its name then", "example": "AWS"})
    result = fields.String(metadata={"description": "SUCCESS or FAILURE", "example": "SUCCESS"})
    error_message = fields.String(allow_none=True, metadata={"description": "Why it failed"})
    details = fields.Dict(
        allow_none=True, metadata={"description": "What changed; never a secret", "example": {"changed": ["name"]}}
    )
    request_id = fields.String(
        allow_none=True,
        metadata={"description": "The request that did it", "example": "0b6d2f7c-6a0e-4b1d-9a63-3f1f2a1f7c55"},
    )
    created_at = Moment(metadata={"description": "When (UTC)", "example": "2026-02-18T12:30:00Z"})
