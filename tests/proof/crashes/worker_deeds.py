"""What workers and sweepers do by themselves."""

import time
from types import SimpleNamespace

import worker.lease
from api import due, workers
from api.accounts.models import Login, SignInFailure
from api.claims import abandon, claim, new_slot
from api.credentials.models import Credential, TargetListing
from api.database import connection, current_time, now, write
from api.idempotency import IdempotencyKey
from api.installation import Installation, is_undecided
from api.resources.models import Resource
from tests.proof.crashes.cloud import GOOD, OTHER, WRONG
from tests.proof.crashes.cloud_deeds import ask_for_listing, ask_for_look, verified, with_credential, with_resource
from tests.proof.crashes.deed import EVERY_CLOUD, EVERY_CLOUD_IF_FULL, deed
from tests.proof.crashes.site import It, Site, credential_of
from worker.verify import SETTLING_SECONDS

_SLOT = new_slot()
_NOBODY = "http://127.0.0.1:1"
_NO_ADDRESS = "nowhere"
_DAYS_AGO, _HOURS_AGO, _NEXT_TRY = -3 * 24 * 3600, -3 * 3600, 300


@deed("worker", prepare=with_resource, clouds=EVERY_CLOUD)
def accept_a_credential_and_its_resource(site: Site, _: It) -> None:
    site.serve()


def _is_the_original(_: Site, __: It) -> None:
    with connection():
        assert Installation.get().database_identity and not is_undecided()


@deed("worker", database="own", ends=_is_the_original)
def look_into_a_database_for_the_first_time(site: Site, _: It) -> None:
    site.serve()


def _with_wrong_secret(site: Site, it: It) -> None:
    it["credential"] = site.add_credential(it, WRONG)
    it["resource"] = site.add_resource(it)


@deed("worker", prepare=_with_wrong_secret, clouds=("GCP", "AZURE"))
def let_a_new_key_settle(site: Site, _: It) -> None:
    site.serve()


def _with_settled_wrong_secret(site: Site, it: It) -> None:
    _with_wrong_secret(site, it)
    site.pass_time(SETTLING_SECONDS)


@deed("worker", prepare=_with_settled_wrong_secret, clouds=EVERY_CLOUD)
def refuse_a_credential(site: Site, _: It) -> None:
    site.serve()


def _with_secret_in_place(site: Site, it: It, kind: str) -> None:
    """A secret that has taken the place of the one before without having been verified."""
    body = {"credentialData": site.cloud.keys[kind]}
    site.ask(it, "PATCH", f"/credentials/{it['credential']}?verify=false", body)


def _with_good_secret_spoilt(site: Site, it: It) -> None:
    verified(site, it)
    _with_secret_in_place(site, it, WRONG)


@deed("worker", prepare=_with_good_secret_spoilt)
def refuse_a_credential_that_was_valid(site: Site, _: It) -> None:
    site.serve()


def _with_wrong_secret_mended(site: Site, it: It) -> None:
    _with_wrong_secret(site, it)
    site.serve()
    _with_secret_in_place(site, it, GOOD)


@deed("worker", prepare=_with_wrong_secret_mended)
def accept_a_credential_that_was_invalid(site: Site, _: It) -> None:
    site.serve()


def _with_candidate(site: Site, it: It) -> None:
    verified(site, it)
    body = {"credentialData": site.cloud.keys[OTHER]}
    site.ask(it, "PATCH", f"/credentials/{it['credential']}", body)


@deed("worker", prepare=_with_candidate, clouds=EVERY_CLOUD_IF_FULL)
def accept_a_new_secret(site: Site, _: It) -> None:
    site.serve()


def _with_wrong_candidate(site: Site, it: It) -> None:
    verified(site, it)
    body = {"credentialData": site.cloud.keys[WRONG]}
    site.ask(it, "PATCH", f"/credentials/{it['credential']}", body)


@deed("worker", prepare=_with_wrong_candidate)
def reject_a_new_secret(site: Site, _: It) -> None:
    site.serve()


def _name_object(it: It, identifier: str) -> None:
    """As if the object in the cloud were there, or gone: nobody has changed the resource."""
    with connection(), write():
        which = Resource.id == it["resource"]
        Resource.update(resource_identifier=identifier).where(which).execute()
        due.want(Resource, which, due.Priority.RECHECK)


def _with_object_gone(site: Site, it: It) -> None:
    verified(site, it)
    _name_object(it, site.cloud.gone)


@deed("worker", prepare=_with_object_gone, clouds=EVERY_CLOUD_IF_FULL)
def find_a_resource_gone(site: Site, _: It) -> None:
    site.serve()


def _with_object_back(site: Site, it: It) -> None:
    _with_object_gone(site, it)
    site.serve()
    _name_object(it, site.cloud.there)


@deed("worker", prepare=_with_object_back)
def see_a_resource_again(site: Site, _: It) -> None:
    site.serve()


def _with_all_due(site: Site, it: It) -> None:
    """A credential that is valid, whose resource and listing are due; so is another, which has no verdict yet."""
    verified(site, it)
    ask_for_listing(site, it)
    ask_for_look(site, it)
    site.add_credential(it, name="Another")


@deed("worker", prepare=_with_all_due)
def find_the_cloud_away(site: Site, _: It) -> None:
    site.serve(aws_endpoint_url=_NOBODY)


@deed("worker", prepare=_with_all_due)
def stumble(site: Site, _: It) -> None:
    site.serve(aws_endpoint_url=_NO_ADDRESS)


def _with_listing(site: Site, it: It) -> None:
    with_credential(site, it)
    site.serve()
    ask_for_listing(site, it)


@deed("worker", prepare=_with_listing, clouds=EVERY_CLOUD)
def list_targets(site: Site, _: It) -> None:
    site.serve()


@deed("worker", prepare=with_credential)
def renew_a_lease(site: Site, _: It) -> None:
    """As if the worker had been held up for so long before its first call."""
    late = due.LEASE_SECONDS / 2 + 1
    setattr(worker.lease, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + late))  # noqa: B010 - not exported
    site.serve()


@deed("worker", prepare=with_credential)
def give_work_back_on_stopping(site: Site, _: It) -> None:
    drain = site.drain()
    drain.serve_one(tuple(due.Priority), found=drain.stop)


def _with_work_that_a_dead_child_was_at(site: Site, it: It) -> None:
    with_credential(site, it)
    with connection():
        assert claim([Credential], tuple(due.Priority), _SLOT)


@deed("worker", prepare=_with_work_that_a_dead_child_was_at)
def take_over_from_a_dead_child(site: Site, _: It) -> None:
    with connection():
        abandon([Credential], _SLOT)
    site.serve()


@deed("worker")
def beat_and_leave(site: Site, _: It) -> None:
    with connection():
        workers.beat(site.run)
        workers.leave(site.run)


def _with_what_is_over(site: Site, it: It) -> None:
    """A row of each kind that the sweeper forgets."""
    verified(site, it)
    ask_for_listing(site, it)
    body = {"email": it["email"], "password": "a wrong password", "organizationSlug": it["slug"]}
    site.request("POST", "/auth/login", body, None, {401})
    with connection(), write():
        moment = current_time()
        which = TargetListing.credential_id == it["credential"]
        TargetListing.update(unserved_since=now(_HOURS_AGO), due_at=now(_NEXT_TRY)).where(which).execute()
        SignInFailure.update(forgotten_at=now(_HOURS_AGO)).execute()
        IdempotencyKey.update(created_at=now(_DAYS_AGO)).where(IdempotencyKey.key.contains(site.run)).execute()
        workers.Heartbeat.insert(process=site.run, seen_at=now(_HOURS_AGO)).execute()
        Login.create(
            organisation_id=it["organisation"],
            user_id=it["admin"],
            refresh_hash=b"",
            created_at=moment,
            expires_at=now(_HOURS_AGO),
        )


def _is_forgotten(site: Site, it: It) -> None:
    with connection():
        assert not TargetListing.select().where(TargetListing.credential_id == it["credential"]).exists()
        assert not SignInFailure.select().where(SignInFailure.forgotten_at < now()).exists()
        assert not IdempotencyKey.select().where(IdempotencyKey.key.contains(site.run)).exists()
        assert not workers.Heartbeat.select().where(workers.Heartbeat.process == site.run).exists()
        assert not Login.select().where(Login.organisation_id == it["organisation"]).exists()


@deed("sweeper", prepare=_with_what_is_over, ends=_is_forgotten)
def forget_what_is_over(site: Site, _: It) -> None:
    site.sweep()


def _with_unserved(site: Site, it: It) -> None:
    with_credential(site, it)
    with connection(), write():
        Credential.update(due_at=now(-2)).where(Credential.id == it["credential"]).execute()


def _is_served(_: Site, it: It) -> None:
    with connection():
        assert credential_of(it).is_valid


@deed("sweeper", prepare=_with_unserved, ends=_is_served)
def ring_for_what_was_missed(site: Site, _: It) -> None:
    site.sweep()
