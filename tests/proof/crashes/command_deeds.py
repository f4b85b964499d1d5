"""What an operator does, and a server's first start."""

from pathlib import Path

from api.accounts.models import Organisation
from api.commands import first_start
from api.database import connection, write
from api.installation import Installation, is_undecided
from api.key_ring_file import KeyRingFile
from api.start import start
from tests.proof.crashes.account_deeds import he_may_sign_in
from tests.proof.crashes.cloud_deeds import with_credential, with_resource
from tests.proof.crashes.deed import deed
from tests.proof.crashes.site import PASSWORD, It, NotDone, Site

_NEW_PASSWORD = "a better battery staple"
_KEY = "key-new"


def _email(site: Site) -> str:
    return f"eve-{site.run}@example.com"


def _administrator_is_there(site: Site, _: It) -> None:
    he_may_sign_in(site, _email(site), PASSWORD)


def _add_unless_added(site: Site, it: It) -> None:
    try:
        add_an_administrator(site, it)
    except NotDone as refusal:
        if "in the organization already" not in str(refusal):
            raise


@deed("command", again=_add_unless_added, ends=_administrator_is_there, retold=("USER_LOGIN",))
def add_an_administrator(site: Site, _: It) -> None:
    names = ("--email", _email(site), "--organization", f"Company {site.run}")
    site.command("admin", "create", *names, text=f"{PASSWORD}\n")


def _has_new_password(site: Site, it: It) -> None:
    he_may_sign_in(site, it["email"], _NEW_PASSWORD)


@deed("command", ends=_has_new_password, retold=("USER_UPDATE", "USER_LOGIN"))
def reset_a_password(site: Site, it: It) -> None:
    names = ("--email", it["email"], "--organization", it["slug"])
    site.command("admin", "reset-password", *names, text=f"{_NEW_PASSWORD}\n")


def _is_free(_: Site, it: It) -> None:
    with connection():
        assert Organisation.get_by_id(it["organisation"]).tier == "FREE"


def _lower_unless_lowered(site: Site, it: It) -> None:
    try:
        lower_a_tier(site, it)
    except NotDone as refusal:
        if "is FREE already" not in str(refusal):
            raise


@deed("command", again=_lower_unless_lowered, ends=_is_free)
def lower_a_tier(site: Site, it: It) -> None:
    site.command("admin", "organization", "tier", "--organization", it["slug"], "FREE")


def _key_is_there(site: Site, _: It) -> None:
    assert _KEY in _ring(site).current().key_ids


def _add_unless_in_ring(site: Site, it: It) -> None:
    if _KEY not in _ring(site).current().key_ids:
        add_a_key(site, it)


# File and database cannot change in one step: a key that is in the file alone is known to the database from a start on.
@deed("command", database="own", again=_add_unless_in_ring, ends=_key_is_there, retold=("KEY_ROTATE",))
def add_a_key(site: Site, _: It) -> None:
    site.command("keys", "add", _KEY)


def _with_new_key(site: Site, it: It) -> None:
    with_credential(site, it)
    site.command("keys", "add", _KEY)


def _is_primary(site: Site, _: It) -> None:
    assert _ring(site).current().primary == _KEY


@deed("command", database="own", prepare=_with_new_key, ends=_is_primary, retold=("KEY_ROTATE",))
def promote_a_key(site: Site, _: It) -> None:
    site.command("keys", "promote", _KEY)


def _with_promoted_key(site: Site, it: It) -> None:
    _with_new_key(site, it)
    site.command("keys", "promote", _KEY)


@deed("command", database="own", prepare=_with_promoted_key)
def rewrap_secrets(site: Site, _: It) -> None:
    site.command("keys", "rewrap")


def _with_old_key(site: Site, it: It) -> None:
    _with_promoted_key(site, it)
    site.command("keys", "rewrap")


def _old_key_is_gone(site: Site, _: It) -> None:
    assert _ring(site).current().key_ids == (_KEY,)


def _retire_unless_retired(site: Site, it: It) -> None:
    if len(_ring(site).current().key_ids) > 1:
        retire_a_key(site, it)


@deed(
    "command",
    database="own",
    prepare=_with_old_key,
    again=_retire_unless_retired,
    ends=_old_key_is_gone,
    retold=("KEY_ROTATE",),
)
def retire_a_key(site: Site, _: It) -> None:
    site.command("keys", "retire", "first")


def _as_a_copy(site: Site, it: It) -> None:
    """With something to look at, in a database that says that it is another one."""
    with_resource(site, it)
    site.serve()
    with connection(), write():
        Installation.update(database_identity="the original").execute()


def _is_decided(_: Site, __: It) -> None:
    with connection():
        assert not is_undecided()


@deed("command", database="own", prepare=_as_a_copy, ends=_is_decided, retold=("ORGANIZATION_UPDATE",))
def adopt_a_copy(site: Site, _: It) -> None:
    site.command("restore", "--adopt")


def _start_anew_unless_decided(site: Site, it: It) -> None:
    with connection():
        undecided = is_undecided()
    if undecided:
        have_a_copy_start_anew(site, it)


@deed("command", database="own", prepare=_as_a_copy, again=_start_anew_unless_decided, ends=_is_decided)
def have_a_copy_start_anew(site: Site, _: It) -> None:
    site.command("restore", "--new-installation")


def _first_administrator_may_sign_in(site: Site, _: It) -> None:
    he_may_sign_in(site, _email(site), _first_password(site).read_text(encoding="ascii").strip())


def _first_password(site: Site) -> Path:
    return _folder(site) / first_start.PASSWORD_FILE


@deed("command", database="empty", ends=_first_administrator_may_sign_in, retold=("USER_LOGIN",))
def start_for_the_first_time(site: Site, _: It) -> None:
    given = {"ENTRYGUARD_ADMIN_EMAIL": _email(site), "ENTRYGUARD_ADMIN_ORGANIZATION": f"Company {site.run}"}
    first_start.prepare(_folder(site), site.settings, given)
    start(site.settings, connections=2)


def _folder(site: Site) -> Path:
    return Path(site.environment["ENTRYGUARD_KEY_RING_FILE"]).parent


def _ring(site: Site) -> KeyRingFile:
    return KeyRingFile(Path(site.environment["ENTRYGUARD_KEY_RING_FILE"]))
