"""The audit trail as a file."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from api.audit_log.models import AuditEntry
from api.audit_log.schemas import ShownEvent

_SHAPE = ShownEvent()


def as_json_lines(events: Iterable[AuditEntry]) -> Iterator[str]:
    """One JSON object a line."""
    for event in events:
        yield json.dumps(_SHAPE.dump(event)) + "\n"


def as_csv(events: Iterable[AuditEntry]) -> Iterator[str]:
    """CSV (RFC 4180) under a row of names."""
    yield _row([field.data_key or name for name, field in _SHAPE.dump_fields.items()])
    for event in events:
        yield _row([_cell(value) for value in _SHAPE.dump(event).values()])


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    # A spreadsheet takes such a cell for a formula (OWASP, CSV injection).
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _row(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
