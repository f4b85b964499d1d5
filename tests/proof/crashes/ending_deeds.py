"""What ends because of something else: a role, a person, a key, a resource, a credential, an organisation."""

from functools import partial

from api.accounts.models import Organisation
from api.credentials.models import Credential
from api.database import connection
from api.resources.models import Resource
from api.sessions.models import Session
from tests.proof.crashes.deed import EVERY_CLOUD_IF_FULL, deed
from tests.proof.crashes.people import (
    is_let_in_no_more,
    with_colleague_let_in,
    with_pipeline,
    with_pipeline_let_in,
    with_role,
    with_unused_role,
)
from tests.proof.crashes.session_deeds import open_door, with_open_session
from tests.proof.crashes.site import It, NotDone, Site
from tests.proof.crashes.static_rule_deeds import office_is_let_in, with_office_let_in

_FIRST = {"If-Match": '"1"'}
_DONE = {404, 409}
_NOBODY = "http://127.0.0.1:1"


@deed("API")
def create_a_role(site: Site, it: It) -> None:
    with_role(site, it)


@deed("API", prepare=with_role)
def change_a_role(site: Site, it: It) -> None:
    site.ask(it, "PATCH", f"/roles/{it['role']}", {"name": "Crew", "maxSessionDurationHours": 1}, **_FIRST)


@deed("API", prepare=with_unused_role)
def let_a_role_open_a_resource(site: Site, it: It) -> None:
    site.ask(it, "PUT", f"/roles/{it['role']}/resources/{it['resource']}")


@deed("API", prepare=with_unused_role)
def give_somebody_a_role(site: Site, it: It) -> None:
    site.ask(it, "PUT", f"/roles/{it['role']}/users/{it['user']}")


@deed("API", prepare=with_pipeline)
def give_a_key_a_role(site: Site, it: It) -> None:
    site.ask(it, "PUT", f"/roles/{it['role']}/api-keys/{it['pipeline']}")


_role_is_over = partial(is_let_in_no_more, "ROLE_REMOVED")


@deed("API", prepare=with_colleague_let_in, ends=_role_is_over, opens=True)
def take_a_role_from_somebody(site: Site, it: It) -> None:
    site.ask(it, "DELETE", f"/roles/{it['role']}/users/{it['user']}")


@deed("API", prepare=with_colleague_let_in, ends=_role_is_over, opens=True)
def take_a_resource_from_a_role(site: Site, it: It) -> None:
    site.ask(it, "DELETE", f"/roles/{it['role']}/resources/{it['resource']}")


@deed("API", prepare=with_colleague_let_in, ends=_role_is_over, opens=True)
def delete_a_role(site: Site, it: It) -> None:
    site.ask(it, "DELETE", f"/roles/{it['role']}")


def _has_ended(reason: str, _: Site, it: It) -> None:
    with connection():
        session = Session.get_by_id(it["session"])
        assert (session.status, session.ended_reason) == ("CANCELLED", reason)


_pipeline_is_out = partial(_has_ended, "ROLE_REMOVED")


@deed("API", prepare=with_pipeline_let_in, ends=_pipeline_is_out, opens=True)
def take_a_role_from_a_key(site: Site, it: It) -> None:
    site.ask(it, "DELETE", f"/roles/{it['role']}/api-keys/{it['pipeline']}")


@deed("API", prepare=with_pipeline_let_in, ends=_pipeline_is_out, opens=True)
def revoke_a_key_that_is_let_in(site: Site, it: It) -> None:
    site.ask(it, "DELETE", f"/api-keys/{it['pipeline']}")


_he_has_left = partial(is_let_in_no_more, "USER_DEACTIVATED")


@deed("API", prepare=with_colleague_let_in, ends=_he_has_left, opens=True)
def deactivate_somebody_who_is_let_in(site: Site, it: It) -> None:
    site.ask(it, "PATCH", f"/users/{it['user']}", {"isActive": False}, **_FIRST)


@deed("API", prepare=with_colleague_let_in, ends=_he_has_left, opens=True)
def remove_somebody_who_is_let_in(site: Site, it: It) -> None:
    site.ask(it, "DELETE", f"/users/{it['user']}")


def _with_session_and_office(site: Site, it: It) -> None:
    """A session and a static rule, which let different addresses in."""
    with_office_let_in(site, it)
    open_door(site, it)
    site.serve()


def _opens_something_else(site: Site, it: It) -> None:
    _has_ended("RESOURCE_CHANGED", site, it)
    office_is_let_in(site, it)


@deed("API", prepare=_with_session_and_office, ends=_opens_something_else, opens=True)
def change_what_a_resource_opens(site: Site, it: It) -> None:
    site.ask(it, "PATCH", f"/resources/{it['resource']}", {"config": {"port": 22}}, **_FIRST)


def _resource_is_gone(site: Site, it: It) -> None:
    _has_ended("RESOURCE_DELETED", site, it)
    with connection():
        assert not Resource.select().where(Resource.id == it["resource"]).exists()


def _delete_resource(site: Site, it: It) -> None:
    done = _DONE if site.is_repeating else set[int]()
    site.request("DELETE", f"/resources/{it['resource']}?force=true", None, {"X-API-Key": it["key"]}, done)


@deed("API", prepare=with_open_session, ends=_resource_is_gone, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def delete_a_resource_by_force(site: Site, it: It) -> None:
    _delete_resource(site, it)


def _with_deleted_resource(site: Site, it: It) -> None:
    with_open_session(site, it)
    _delete_resource(site, it)


@deed("worker", prepare=_with_deleted_resource, ends=_resource_is_gone, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def see_a_resource_go_with_its_last_rule(site: Site, _: It) -> None:
    site.serve()


@deed("worker", prepare=_with_deleted_resource, ends=_resource_is_gone, opens=True)
def say_why_a_resource_is_not_gone(site: Site, _: It) -> None:
    site.serve(aws_endpoint_url=_NOBODY)


def _credential_is_gone(site: Site, it: It) -> None:
    _has_ended("CREDENTIAL_DELETED", site, it)
    with connection():
        assert not Credential.select().where(Credential.id == it["credential"]).exists()


def _delete_credential(site: Site, it: It) -> None:
    done = _DONE if site.is_repeating else set[int]()
    site.request("DELETE", f"/credentials/{it['credential']}?force=true", None, {"X-API-Key": it["key"]}, done)


@deed("API", prepare=with_open_session, ends=_credential_is_gone, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def delete_a_credential_by_force(site: Site, it: It) -> None:
    _delete_credential(site, it)


def _with_deleted_credential(site: Site, it: It) -> None:
    with_open_session(site, it)
    _delete_credential(site, it)


@deed("worker", prepare=_with_deleted_credential, ends=_credential_is_gone, opens=True, clouds=EVERY_CLOUD_IF_FULL)
def see_a_credential_go_with_its_last_rule(site: Site, _: It) -> None:
    site.serve()


_DONE_ALREADY = ("is suspended already", "is not suspended")


def _command(site: Site, it: It, deed: str) -> None:
    """Do so, or hear that it is done."""
    try:
        site.command("admin", "organization", deed, "--organization", it["slug"])
    except NotDone as refusal:
        if not site.is_repeating or not any(said in str(refusal) for said in _DONE_ALREADY):
            raise


def _all_is_closed(site: Site, it: It) -> None:
    _has_ended("ORGANIZATION_SUSPENDED", site, it)
    with connection():
        assert Organisation.get_by_id(it["organisation"]).suspended_at is not None


@deed("command", prepare=_with_session_and_office, ends=_all_is_closed, opens=True)
def suspend_an_organisation(site: Site, it: It) -> None:
    _command(site, it, "suspend")


def _with_suspended_organisation(site: Site, it: It) -> None:
    with_office_let_in(site, it)
    _command(site, it, "suspend")
    site.serve()


@deed("command", prepare=_with_suspended_organisation, ends=office_is_let_in, opens=True)
def resume_an_organisation(site: Site, it: It) -> None:
    _command(site, it, "resume")
