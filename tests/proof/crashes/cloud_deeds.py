"""What is asked of the API about credentials and resources. The worker that is started afterwards verifies them."""

from tests.proof.crashes.cloud import OTHER, WRONG
from tests.proof.crashes.deed import deed
from tests.proof.crashes.site import It, Site

_FIRST = {"If-Match": '"1"'}
# These servers let nobody wait for a worker: the answer is to ask again.
_NO_WAIT = {503}


def with_credential(site: Site, it: It) -> None:
    it["credential"] = site.add_credential(it)


def with_resource(site: Site, it: It) -> None:
    with_credential(site, it)
    it["resource"] = site.add_resource(it)


def verified(site: Site, it: It) -> None:
    with_resource(site, it)
    site.serve()


def ask_for_listing(site: Site, it: It) -> None:
    region = site.cloud.new_resource.get("region")
    where = f"/credentials/{it['credential']}/targets" + (f"?region={region}" if region else "")
    site.request("GET", where, None, {"X-API-Key": it["key"]}, _NO_WAIT)


def ask_for_look(site: Site, it: It) -> None:
    """Have the resource verified."""
    site.request("POST", f"/resources/{it['resource']}/verify", None, {"X-API-Key": it["key"]}, _NO_WAIT)


@deed("API")
def create_a_credential(site: Site, it: It) -> None:
    site.add_credential(it)


@deed("API")
def create_a_credential_that_is_refused(site: Site, it: It) -> None:
    site.add_credential(it, WRONG)


@deed("API", prepare=with_credential)
def rename_a_credential(site: Site, it: It) -> None:
    site.ask(it, "PATCH", f"/credentials/{it['credential']}", {"name": "Sky"}, **_FIRST)


@deed("API", prepare=verified)
def rotate_a_secret(site: Site, it: It) -> None:
    body = {"credentialData": site.cloud.keys[OTHER]}
    site.ask(it, "PATCH", f"/credentials/{it['credential']}", body, **_FIRST)


@deed("API", prepare=verified)
def replace_a_secret_unverified(site: Site, it: It) -> None:
    body = {"credentialData": site.cloud.keys[WRONG]}
    site.ask(it, "PATCH", f"/credentials/{it['credential']}?verify=false", body, **_FIRST)


@deed("API", prepare=with_credential)
def verify_a_credential(site: Site, it: It) -> None:
    site.ask(it, "POST", f"/credentials/{it['credential']}/verify")


@deed("API", prepare=with_resource)
def delete_a_credential(site: Site, it: It) -> None:
    site.ask(it, "DELETE", f"/credentials/{it['credential']}")


@deed("API", prepare=with_credential)
def list_what_a_credential_sees(site: Site, it: It) -> None:
    ask_for_listing(site, it)


@deed("API", prepare=with_credential)
def create_a_resource(site: Site, it: It) -> None:
    site.add_resource(it)


@deed("API", prepare=with_resource)
def change_a_resource(site: Site, it: It) -> None:
    body = {"name": "Door", "maxSessionMinutes": 30}
    site.ask(it, "PATCH", f"/resources/{it['resource']}", body, **_FIRST)


@deed("API", prepare=with_resource)
def verify_a_resource(site: Site, it: It) -> None:
    ask_for_look(site, it)


@deed("API", prepare=with_resource)
def delete_a_resource(site: Site, it: It) -> None:
    site.ask(it, "DELETE", f"/resources/{it['resource']}")
