"""Sessions as the API has them: started, looked at, changed, stopped, listed."""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_entryguard.client import Client, new_idempotency_key, route
from pulumi_entryguard.errors import NOT_KNOWN, Conflict, EntryGuardError, UnusableInput
from pulumi_entryguard.reading import asked, body_of, paged
from pulumi_entryguard.whereabouts import Whereabouts

Session = Mapping[str, Any]

OPEN = ("PENDING", "ACTIVE", "PARTIAL", "FAILED")
OVER = ("EXPIRED", "CANCELLED")
# The API lists one state at a time: back and forth, so that a session is in one list if its state changes meanwhile.
_LISTED = (*OPEN, *reversed(OPEN[:-1]), "EXPIRING")


def start(here: Whereabouts, resource_ids: Sequence[str], minutes: int | None, reason: str | None) -> Session:
    """Start a session on these resources; on all that the caller may open if there are none."""
    said = {
        "resourceIds": list(resource_ids) or None,
        "durationMinutes": minutes,
        "reason": reason,
        "proofs": here.proofs or None,
    }
    body = {name: value for name, value in said.items() if value is not None}
    answer = here.client.request("POST", "/sessions", body, idempotency_key=new_idempotency_key())
    return body_of(here.client, answer, dict)


def extend(client: Client, session_id: str, minutes: int) -> Session:
    """Let it end so much later."""
    path, key = route("sessions", session_id, "extend"), new_idempotency_key()
    return body_of(client, client.request("POST", path, {"durationMinutes": minutes}, idempotency_key=key), dict)


def move(here: Whereabouts, session_id: str) -> Session:
    """Let the caller in from here, and no longer from where the session was."""
    body = {"proofs": here.proofs} if here.proofs else {}
    return body_of(here.client, here.client.request("PUT", route("sessions", session_id, "ip"), body), dict)


def look(client: Client, session_id: str, until: float = float("inf")) -> Session:
    """The session as it is now. `until` as in `Client.request`."""
    return asked(client, route("sessions", session_id), dict, until)


def stop(client: Client, session_id: str) -> Session:
    """End it before its time. One that has ended stays as it is."""
    try:
        return body_of(client, client.request("POST", route("sessions", session_id, "stop")), dict)
    except Conflict:
        session = look(client, session_id)
        if session["endedAt"] is None:
            raise
        return session


def not_stopped(session_id: str, error: EntryGuardError) -> str:
    """What to say where `stop` failed."""
    if isinstance(error, NOT_KNOWN):
        return (
            f"whether session {session_id} is closed is not known: {error}; `entryguard close {session_id}` closes it"
        )
    return f"session {session_id} was not closed: {error}"


def of_everybody(client: Client) -> list[Session]:
    """All that the API shows to the caller, the last one first: those that have ended too, and other people's."""
    return list(paged(client, "/sessions"))


def own_live(client: Client) -> list[Session]:
    """The caller's own sessions that have rules in a cloud, or should have; the last one first."""
    # A key of the organisation is shown none but its own, an administrator everybody's.
    user_id = asked(client, "/auth/me", dict)["id"]
    found = {
        session["id"]: session
        for status in _LISTED
        for session in paged(client, "/sessions", f"&status={status}")
        if session["userId"] == user_id
    }
    return sorted(found.values(), key=lambda session: str(session["createdAt"]), reverse=True)


def the_one(client: Client, session_id: str | None) -> str:
    """The session that is meant: where none is named, the only one of the caller's that is not over.

    Raises UnusableInput where there is none, or several.
    """
    if session_id is not None:
        return session_id
    ids = [session["id"] for session in own_live(client) if session["endedAt"] is None]
    if not ids:
        raise UnusableInput("no session of yours is open")
    if len(ids) > 1:
        raise UnusableInput(f"{len(ids)} sessions of yours are open: give the id of one ({', '.join(ids)})")
    return str(ids[0])


def sentence(session: Session) -> str:
    """What it opens, from where, and until when."""
    named = ", ".join(resources(session))
    return f"session {session['id']}: {named} from {addresses(session)}, until {session['expiresAt']}"


def resources(session: Session) -> list[str]:
    """The names of what it opens."""
    return sorted({grant["resourceName"] for grant in session["resourceIps"]})


def addresses(session: Session) -> str:
    """From where."""
    return ", ".join(filter(None, (session["ipv4Address"], session["ipv6Address"])))


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
    # What has ended is in the answer too, such as the addresses that were let in before a move.
    wanted = {grant["status"] for grant in session["resourceIps"]} - {"REMOVING", "REMOVED"}
    # Where all are applied, the last one was while the answer was put together: the next one will say ACTIVE.
    if session["status"] == "PARTIAL" and ("PENDING" in wanted or wanted <= {"APPLIED"}):
        return None
    return None if session["status"] == "PENDING" else bool(session["status"] == "ACTIVE")
