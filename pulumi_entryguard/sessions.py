"""Sessions as the API has them: started, looked at, stopped, listed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pulumi_entryguard.client import Client, new_idempotency_key, route
from pulumi_entryguard.errors import Conflict, NotAuthorized
from pulumi_entryguard.reading import asked, body_of, is_id, only, paged

Session = Mapping[str, Any]

LIVE = ("PENDING", "ACTIVE", "PARTIAL", "FAILED", "EXPIRING")
OVER = ("EXPIRED", "CANCELLED")
FORBIDDEN = 403


def ids_of(client: Client, resources: Sequence[str]) -> list[str]:
    """The ids of resources that are given by id or by name. Raises UnusableInput where a name is not that of one."""
    if all(map(is_id, resources)):
        return list(resources)
    known, whose = _names(client)
    return [text if is_id(text) else only(sorted(known.get(text, ())), text, "resource", whose) for text in resources]


def start(client: Client, resource_ids: Sequence[str], minutes: int | None, reason: str | None) -> Session:
    """Start a session on these resources; on all that the caller may open if there are none."""
    asked_for = {"resourceIds": list(resource_ids) or None, "durationMinutes": minutes, "reason": reason}
    body = {name: value for name, value in asked_for.items() if value is not None}
    answer = client.request("POST", "/sessions", body, idempotency_key=new_idempotency_key())
    return body_of(client, answer, dict)


def look(client: Client, session_id: str) -> Session:
    """The session as it is now."""
    return asked(client, route("sessions", session_id), dict)


def stop(client: Client, session_id: str) -> Session:
    """End it before its time. One that has ended stays as it is."""
    try:
        return body_of(client, client.request("POST", route("sessions", session_id, "stop")), dict)
    except Conflict:
        session = look(client, session_id)
        if session["endedAt"] is None:
            raise
        return session


def of_everybody(client: Client) -> list[Session]:
    """All that the API shows to the caller, the last one first: those that have ended too, and other people's."""
    return list(paged(client, "/sessions"))


def own_live(client: Client) -> list[Session]:
    """The caller's own sessions that have rules in a cloud, or should have; the last one first."""
    caller = asked(client, "/auth/me", dict)
    found = {
        session["id"]: session
        for status in LIVE
        for session in paged(client, "/sessions", f"&status={status}")
        if _is_of(caller, session)
    }
    return sorted(found.values(), key=lambda session: str(session["createdAt"]), reverse=True)


def troubles(session: Session) -> list[str]:
    """What is wrong with it, a sentence for each resource; what was wrong with one that is over is past."""
    if session["status"] in OVER:
        return []
    return [
        f"{grant['resourceName']} ({grant['ipAddress']}): {grant['errorMessage']}"
        for grant in session["resourceIps"]
        if grant["errorMessage"]
    ]


def is_open(session: Session) -> bool | None:
    """Whether everything is open; None while that is being found out."""
    if session["status"] in ("PENDING", "PARTIAL") and _is_under_way(session):
        return None
    return bool(session["status"] == "ACTIVE")


def _is_under_way(session: Session) -> bool:
    return any(grant["status"] == "PENDING" for grant in session["resourceIps"]) or not session["resourceIps"]


def _is_of(caller: Mapping[str, Any], session: Session) -> bool:
    if session["userId"] is None or caller["id"] is None:
        return bool(session["userId"] == caller["id"] and session["userName"] == caller["name"])
    return bool(session["userId"] == caller["id"])


def _names(client: Client) -> tuple[Mapping[str, set[str]], str]:
    """The ids of each name, and of which resources these are. Who may not list them knows what was opened before."""
    try:
        found = ((one["name"], one["id"]) for one in asked(client, "/resources", list))
        return _grouped(found), ""
    except NotAuthorized as refusal:
        if refusal.status != FORBIDDEN:
            raise
    return _grouped(_opened_before(client)), " that you have opened before (give the id of another one)"


def _opened_before(client: Client) -> Iterator[tuple[str, str]]:
    for session in paged(client, "/sessions"):
        for grant in session["resourceIps"]:
            yield grant["resourceName"], grant["resourceId"]


def _grouped(pairs: Iterable[tuple[str, str]]) -> Mapping[str, set[str]]:
    ids: dict[str, set[str]] = {}
    for name, one in pairs:
        ids.setdefault(name, set()).add(one)
    return ids
