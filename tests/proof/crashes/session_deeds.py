"""What is asked of the API about sessions. The worker that is started afterwards opens and closes."""

from api.database import connection
from api.sessions.models import Session
from api.targets.models import Rule
from tests.proof.crashes.cloud_deeds import verified
from tests.proof.crashes.deed import EVERY_CLOUD_IF_FULL, deed
from tests.proof.crashes.site import It, Site

_HALF_AN_HOUR = {"durationMinutes": 30}
_CONFLICT = {409}


def open_door(site: Site, it: It, name: str = "session", minutes: float = 30) -> None:
    """Start a session on all there is."""
    once = {"Idempotency-Key": f"{it['once']}-{name}"}
    it[name] = site.ask(it, "POST", "/sessions", {"durationMinutes": minutes}, **once)["id"]


def with_session(site: Site, it: It) -> None:
    """A session that no worker has looked at."""
    verified(site, it)
    open_door(site, it)


def with_open_session(site: Site, it: It) -> None:
    with_session(site, it)
    site.serve()


def is_active(_: Site, it: It) -> None:
    with connection():
        assert Session.get_by_id(it["session"]).status == "ACTIVE"


def is_cancelled(_: Site, it: It) -> None:
    with connection():
        assert Session.get_by_id(it["session"]).status == "CANCELLED"


def has_expired(_: Site, it: It) -> None:
    with connection():
        assert Session.get_by_id(it["session"]).status == "EXPIRED"


def _is_there(site: Site, _: It) -> None:
    with connection():
        [rule] = Rule.select().where(Rule.address == f"{site.address}/32")
        assert rule.is_seen


@deed("API", prepare=verified, ends=_is_there, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def start_a_session(site: Site, it: It) -> None:
    site.ask(it, "POST", "/sessions", _HALF_AN_HOUR)


def _ends_in_an_hour(site: Site, it: It) -> None:
    is_active(site, it)
    with connection():
        session = Session.get_by_id(it["session"])
        assert round((session.expires_at - session.created_at).total_seconds()) == 3600


@deed("API", prepare=with_open_session, ends=_ends_in_an_hour, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def extend_a_session(site: Site, it: It) -> None:
    site.ask(it, "POST", f"/sessions/{it['session']}/extend", _HALF_AN_HOUR)


def stop(site: Site, it: It, name: str = "session") -> None:
    """Stop a session, or hear that it has ended."""
    done = _CONFLICT if site.is_repeating else set[int]()
    site.request("POST", f"/sessions/{it[name]}/stop", None, {"X-API-Key": it["key"]}, done)


@deed("API", prepare=with_open_session, ends=is_cancelled, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def stop_a_session(site: Site, it: It) -> None:
    stop(site, it)


@deed("API", prepare=with_session, ends=is_cancelled, opens=True)
def stop_a_session_that_is_not_open_yet(site: Site, it: It) -> None:
    stop(site, it)


def move(site: Site, it: It) -> None:
    """As somebody who has gone to another network."""
    site.request("PUT", f"/sessions/{it['session']}/ip", {}, {"X-API-Key": it["key"]}, address=site.other_address)


def is_elsewhere(site: Site, it: It) -> None:
    is_active(site, it)
    with connection():
        assert Session.get_by_id(it["session"]).ipv4_address == site.other_address
        assert not Rule.select().where(Rule.address == f"{site.address}/32").exists()


@deed("API", prepare=with_open_session, ends=is_elsewhere, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def move_elsewhere(site: Site, it: It) -> None:
    move(site, it)


def _with_another_session(site: Site, it: It) -> None:
    with_open_session(site, it)
    open_door(site, it, "second")
    site.serve()


def _goes_on_alone(site: Site, it: It) -> None:
    is_active(site, it)
    with connection():
        assert Session.get_by_id(it["second"]).status == "CANCELLED"


@deed("API", prepare=_with_another_session, ends=_goes_on_alone, opens=True)
def stop_one_of_two_sessions_with_one_rule(site: Site, it: It) -> None:
    stop(site, it, "second")
