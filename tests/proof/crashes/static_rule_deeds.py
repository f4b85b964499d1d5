"""Static rules: an office that is let in until somebody, or the clock, says otherwise."""

from datetime import timedelta

from api.database import connection, current_time
from api.static_rules.models import StaticRule
from api.targets.models import Grant
from tests.proof.crashes.cloud_deeds import verified
from tests.proof.crashes.deed import EVERY_CLOUD_IF_FULL, deed
from tests.proof.crashes.site import It, Site

_FIRST = {"If-Match": '"1"'}
_DONE = {404, 409}
_OFFICE, _NEW_OFFICE = "81.2.69.142", "81.2.69.143"
# Over in this life, when so much time has passed, and in the next.
_BRIEFLY, _WHILE = timedelta(seconds=12), 14.0


def _let_in(site: Site, it: It, **wanted: str) -> None:
    body = {"label": "Office", "ipAddress": _OFFICE, "resourceIds": [it["resource"]], **wanted}
    it["static"] = site.ask(it, "POST", "/static-ip-rules", body)["id"]


def with_office_let_in(site: Site, it: It) -> None:
    verified(site, it)
    _let_in(site, it)
    site.serve()


def _offices(it: It) -> list[str]:
    """Which of them are let in."""
    live = Grant.organisation_id == it["organisation"], Grant.static_rule_id.is_null(False), Grant.ended_at.is_null()
    with connection():
        return [one.address for one in Grant.select().where(*live)]


def office_is_let_in(_: Site, it: It) -> None:
    assert _offices(it) == [f"{_OFFICE}/32"]


def _new_office_is_let_in(_: Site, it: It) -> None:
    assert _offices(it) == [f"{_NEW_OFFICE}/32"]


def _nobody_is_let_in(_: Site, it: It) -> None:
    assert _offices(it) == []


@deed("API", prepare=verified, ends=office_is_let_in, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def let_an_office_in(site: Site, it: It) -> None:
    _let_in(site, it)


@deed("API", prepare=with_office_let_in, ends=_new_office_is_let_in, opens=True)
def move_an_office(site: Site, it: It) -> None:
    site.ask(it, "PATCH", f"/static-ip-rules/{it['static']}", {"ipAddress": _NEW_OFFICE}, **_FIRST)


def _office_is_gone(site: Site, it: It) -> None:
    _nobody_is_let_in(site, it)
    with connection():
        assert not StaticRule.select().where(StaticRule.id == it["static"]).exists()


def _delete_office(site: Site, it: It) -> None:
    done = _DONE if site.is_repeating else set[int]()
    site.request("DELETE", f"/static-ip-rules/{it['static']}", None, {"X-API-Key": it["key"]}, done)


@deed("API", prepare=with_office_let_in, ends=_office_is_gone, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def let_an_office_in_no_more(site: Site, it: It) -> None:
    _delete_office(site, it)


def _with_deleted_office(site: Site, it: It) -> None:
    with_office_let_in(site, it)
    _delete_office(site, it)


@deed("worker", prepare=_with_deleted_office, ends=_office_is_gone, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def see_a_static_rule_go_with_its_last_rule(site: Site, _: It) -> None:
    site.serve()


def _with_office_whose_time_is_up(site: Site, it: It) -> None:
    verified(site, it)
    with connection():
        ends = (current_time() + _BRIEFLY).strftime("%Y-%m-%dT%H:%M:%SZ")
    _let_in(site, it, expiresAt=ends)
    site.serve()
    site.pass_time(_WHILE)


@deed("worker", prepare=_with_office_whose_time_is_up, ends=_nobody_is_let_in, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def let_a_static_rule_expire(site: Site, _: It) -> None:
    site.serve()
