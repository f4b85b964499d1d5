"""What the audit trail says, in the order in which it was said."""

from api.audit_log.models import AuditEntry


def told(event_type: str) -> list[tuple[str, str | None]]:
    """The results and error messages of all events of one type."""
    rows = AuditEntry.select().where(AuditEntry.event_type == event_type).order_by(AuditEntry.position)
    return [(row.result, row.error_message) for row in rows]
