"""What is asked of the API about people, their logins and their keys."""

from api.accounts.models import ApiKey, Organisation, SignInFailure, User
from api.audit_log.models import AuditEntry
from api.database import connection
from tests.proof.crashes.deed import deed
from tests.proof.crashes.site import PASSWORD, It, NotDone, Site

_FIRST = {"If-Match": '"1"'}
_AGAIN_TOKENS = ("USER_LOGIN", "USER_LOGOUT")


def _registration(site: Site) -> dict[str, str]:
    email = f"grace-{site.run}@example.com"
    return {"organizationName": f"Company {site.run}", "email": email, "name": "Grace", "password": PASSWORD}


def _sign_in(site: Site, it: It, password: str = PASSWORD) -> None:
    body = {"email": it["email"], "password": password, "organizationSlug": it["slug"]}
    answer = site.request("POST", "/auth/login", body)
    it |= {"access": answer["accessToken"], "refresh": answer["refreshToken"]}


def _bearer(it: It) -> dict[str, str]:
    return {"Authorization": f"Bearer {it['access']}"}


def _is_signed_in(site: Site, it: It) -> None:
    if "access" in it:  # not where nobody has died: then the answer was the dead process's
        site.request("GET", "/auth/me", None, _bearer(it))


def _registered_once(site: Site, _: It) -> None:
    with connection():
        assert Organisation.select().where(Organisation.name == f"Company {site.run}").count() == 1


def _register_unless_registered(site: Site, it: It) -> None:
    """Registering takes no Idempotency-Key: whoever has no answer looks whether he can sign in."""
    wanted = _registration(site)
    known = site.request("POST", "/auth/login", {name: wanted[name] for name in ("email", "password")}, None, {401})
    if known is None:
        register(site, it)


@deed("API", again=_register_unless_registered, ends=_registered_once, retold=_AGAIN_TOKENS)
def register(site: Site, _: It) -> None:
    site.request("POST", "/auth/register", _registration(site))


@deed("API", ends=_is_signed_in, retold=_AGAIN_TOKENS)
def sign_in(site: Site, it: It) -> None:
    _sign_in(site, it)


def _is_counted(_: Site, it: It) -> None:
    with connection():
        noted = AuditEntry.event_type == "USER_LOGIN_FAILED"
        assert AuditEntry.select().where(noted, AuditEntry.actor_email == it["email"]).exists()
        assert SignInFailure.select().exists()


@deed("API", ends=_is_counted, retold=("USER_LOGIN_FAILED",))
def fail_to_sign_in(site: Site, it: It) -> None:
    body = {"email": it["email"], "password": "a wrong password", "organizationSlug": it["slug"]}
    site.request("POST", "/auth/login", body, None, {401})


def _refresh_or_sign_in(site: Site, it: It) -> None:
    """The token that was sent may be used up. Sent again it ends the login, and one signs in."""
    answer = site.request("POST", "/auth/refresh", {"refreshToken": it["refresh"]}, None, {401})
    if answer is None:
        _sign_in(site, it)
    else:
        it |= {"access": answer["accessToken"], "refresh": answer["refreshToken"]}


def _is_still_signed_in(site: Site, it: It) -> None:
    if site.is_repeating:
        site.request("GET", "/auth/me", None, _bearer(it))


@deed("API", prepare=_sign_in, again=_refresh_or_sign_in, ends=_is_still_signed_in, retold=_AGAIN_TOKENS)
def refresh(site: Site, it: It) -> None:
    site.request("POST", "/auth/refresh", {"refreshToken": it["refresh"]})


def _use_up(site: Site, it: It) -> None:
    _sign_in(site, it)
    site.request("POST", "/auth/refresh", {"refreshToken": it["refresh"]})


def _is_signed_out(site: Site, it: It) -> None:
    if site.request("GET", "/auth/me", None, _bearer(it), {401}) is not None:
        raise NotDone("the login goes on")


@deed("API", prepare=_use_up, ends=_is_signed_out)
def show_a_used_refresh_token(site: Site, it: It) -> None:
    site.request("POST", "/auth/refresh", {"refreshToken": it["refresh"]}, None, {401})


def _sign_out_if_signed_in(site: Site, it: It) -> None:
    site.request("POST", "/auth/logout", None, _bearer(it), {401})


@deed("API", prepare=_sign_in, again=_sign_out_if_signed_in, ends=_is_signed_out)
def sign_out(site: Site, it: It) -> None:
    site.request("POST", "/auth/logout", None, _bearer(it))


@deed("API")
def rename_the_organisation(site: Site, it: It) -> None:
    site.ask(it, "PATCH", "/organization", {"name": f"New name {site.run}"}, **_FIRST)


def _hire(site: Site, it: It) -> None:
    body = {"email": f"bob-{site.run}@example.com", "name": "Bob", "password": PASSWORD}
    it["user"] = site.ask(it, "POST", "/users", body)["id"]


def _hire_somebody_with_a_key(site: Site, it: It) -> None:
    """Somebody who is signed in and has a key of his own."""
    body = {"email": f"bob-{site.run}@example.com", "name": "Bob", "password": PASSWORD, "role": "ORG_ADMIN"}
    _sign_in(site, it)
    it["user"] = site.request("POST", "/users", body, _bearer(it))["id"]
    his = {"email": body["email"], "slug": it["slug"]}
    _sign_in(site, his)
    site.request("POST", "/api-keys", {"name": "Bob's", "scopes": ["audit:read"]}, _bearer(his))
    it["his"] = his["access"]


def _he_is_out(site: Site, it: It) -> None:
    _is_signed_out(site, {"access": it["his"]})


@deed("API")
def invite_a_user(site: Site, it: It) -> None:
    _hire(site, it)


@deed("API", prepare=_hire)
def change_a_user(site: Site, it: It) -> None:
    site.ask(it, "PATCH", f"/users/{it['user']}", {"name": "Robert"}, **_FIRST)


@deed("API", prepare=_hire_somebody_with_a_key, ends=_he_is_out)
def deactivate_a_user(site: Site, it: It) -> None:
    done = {412} if site.is_repeating else set[int]()
    body = {"isActive": False}
    site.request("PATCH", f"/users/{it['user']}", body, {**_bearer(it), **_FIRST}, done)


@deed("API", prepare=_hire_somebody_with_a_key, ends=_he_is_out)
def remove_a_user(site: Site, it: It) -> None:
    done = {404} if site.is_repeating else set[int]()
    site.request("DELETE", f"/users/{it['user']}", None, _bearer(it), done)


_KEY = {"name": "Another", "scopes": ["credentials:read"]}


def _make_key_anew(site: Site, it: It) -> None:
    """The text of a key is shown once: one whose text was lost is revoked, and another is made."""
    identity = {"X-API-Key": it["key"], "Idempotency-Key": it["once"]}
    if site.request("POST", "/api-keys", _KEY, identity, {409}) is not None:
        return
    for key in site.ask(it, "GET", "/api-keys"):
        if key["name"] == _KEY["name"]:
            site.ask(it, "DELETE", f"/api-keys/{key['id']}")
    site.ask(it | {"once": f"{it['once']}-anew"}, "POST", "/api-keys", _KEY)


@deed("API", again=_make_key_anew, retold=("API_KEY_CREATE", "API_KEY_REVOKE"))
def create_an_api_key(site: Site, it: It) -> None:
    site.ask(it, "POST", "/api-keys", _KEY)


def _make_key(site: Site, it: It) -> None:
    made = site.ask(it, "POST", "/api-keys", _KEY)
    it |= {"other key": made["id"], "text": made["plainTextKey"]}


@deed("API", prepare=_make_key)
def revoke_an_api_key(site: Site, it: It) -> None:
    site.ask(it, "DELETE", f"/api-keys/{it['other key']}")


def _use_is_noted(_: Site, it: It) -> None:
    with connection():
        assert ApiKey.get_by_id(it["other key"]).last_used_at is not None


@deed("API", prepare=_make_key, ends=_use_is_noted)
def use_an_api_key(site: Site, it: It) -> None:
    site.request("GET", "/auth/me", None, {"X-API-Key": it["text"]})


def he_may_sign_in(site: Site, email: str, password: str) -> None:
    """Whoever has this address is found, and the password is his."""
    with connection():
        slug = Organisation.get_by_id(User.get(User.email == email).organisation_id).slug
    site.request("POST", "/auth/login", {"email": email, "password": password, "organizationSlug": slug})
