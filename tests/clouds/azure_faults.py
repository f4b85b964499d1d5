"""What the Azure stand-in can be made to do instead of answering as it should."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BOTH = ("entra", "arm")


@dataclass(frozen=True, slots=True)
class Fault:
    """What the stand-in does instead of answering. Made by the functions below."""

    settings: Mapping[str, Any]


def answering(
    status: int, code: str, message: str = "", *, services: Sequence[str] = ("arm",), **headers: str
) -> Fault:
    """An error of Resource Manager. A header's name has `_` for `-`."""
    body = json.dumps({"error": {"code": code, "message": message}})
    return answering_as_is(status, body, services=services, **headers)


def entra_answering(status: int, number: int) -> Fault:
    """An error of Entra, with what it writes beside the code."""
    text = f"AADSTS{number}: It says so. Trace ID: {uuid.uuid4()} Correlation ID: {uuid.uuid4()}"
    body = {"error": "invalid_client", "error_description": text, "error_codes": [number]}
    return answering_as_is(status, json.dumps(body), services=("entra",))


def answering_as_is(status: int, body: str, *, services: Sequence[str] = BOTH, **headers: str) -> Fault:
    """These very words, whatever is asked: a proxy's page, say."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault({"status": status, "body": body, "headers": named, "services": list(services)})


def silent(*, services: Sequence[str] = BOTH) -> Fault:
    """Takes requests and does not answer."""
    return Fault({"silent": True, "services": list(services)})


def slow(seconds: float) -> Fault:
    return Fault({"delay": seconds})


def losing_answers() -> Fault:
    """Does what it is asked to change, and the answer does not arrive."""
    return Fault({"lost": True})


def slow_changes(seconds: float, retry_after: int | None = None) -> Fault:
    """Accepts changes, and has them done so much later."""
    return Fault({"slow_change": seconds, "retry_after": retry_after})


def failing_changes(code: str) -> Fault:
    """Accepts changes, and fails at them."""
    return Fault({"failing_change": code})


def racing(times: int) -> Fault:
    """Somebody else takes the priority of the next rules a moment before they are written."""
    return Fault({"racing": times})


def operations_at(url: str) -> Fault:
    """Says that its operations are asked about somewhere else."""
    return Fault({"operations_at": url})
