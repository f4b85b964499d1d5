"""Everybody who may ask: how they come about, and how they stand. A new kind of caller is one more line."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from api.access import ANYBODY, SCOPES
from api.accounts.models import ApiKey, Organisation
from api.accounts.service import add_administrator
from api.database import now, write
from api.secret import Secret
from tests.api.conftest import PASSWORD
from tests.proof.crowd import ADA, EVE, Crowd, Headers, bearer, holding


class Standing(enum.Enum):
    """What somebody may do."""

    UNKNOWN = "nothing that asks who it is"
    BARRED = "nothing, although it is known who it is"
    MEMBER = "what every user may"
    PIPELINE = "everything, but with sessions what every user may"
    LACKING = "everything but what is asked"
    ADMIN = "everything"
    OUTSIDER = "everything, in another organisation"


@dataclass(frozen=True, slots=True)
class Caller:
    """A kind of caller. identify: the headers of a new one, to ask for something of this scope."""

    standing: Standing
    identify: Callable[[Crowd, str | None], Headers]
    is_key: bool = False


def _with(scope: str | None) -> set[str]:
    return {scope} if scope in SCOPES else {"audit:read"}


def _without(scope: str | None) -> set[str]:
    return set(SCOPES) - {str(scope)}


def _changed_administrator(crowd: Crowd, change: Mapping[str, object]) -> tuple[Headers, Headers]:
    """The token and the key of an administrator, as they are left when somebody has changed him."""
    user_id, email = crowd.hire("ORG_ADMIN")
    token = crowd.token_of(email)
    key = crowd.key(maker=token)
    crowd.ask(crowd.ada, "PATCH", f"/users/{user_id}", change)
    return token, holding(key)


def _deleted(crowd: Crowd) -> Headers:
    user_id, email = crowd.hire("ORG_ADMIN")
    token = crowd.token_of(email)
    crowd.ask(crowd.ada, "DELETE", f"/users/{user_id}")
    return token


def _logged_out(crowd: Crowd) -> Headers:
    token = crowd.token_of(crowd.hire("ORG_ADMIN")[1])
    crowd.ask(token, "POST", "/auth/logout")
    return token


def _suspended(crowd: Crowd) -> tuple[Headers, Headers]:
    """The token and the key of the administrator of an organisation that is suspended since."""
    email = crowd.new_email()
    user = add_administrator(email, Secret.of_text(PASSWORD), f"Late payer {email}", "PAID")
    token = crowd.token_of(email)
    key = crowd.key(maker=token, belongsTo="ORGANIZATION")
    with write():
        Organisation.update(suspended_at=now()).where(Organisation.id == user.organisation_id).execute()
    return token, holding(key)


def _revoked(crowd: Crowd) -> Headers:
    key = crowd.key()
    crowd.ask(crowd.ada, "DELETE", f"/api-keys/{key['id']}")
    return holding(key)


def _expired(crowd: Crowd) -> Headers:
    key = crowd.key(expiresAt="2099-01-01T00:00:00Z")
    with write():
        ApiKey.update(expires_at=now(-1)).where(ApiKey.id == key["id"]).execute()
    return holding(key)


_DEMOTED, _DEACTIVATED = {"role": "USER"}, {"isActive": False}
_UNKNOWN = Standing.UNKNOWN

CALLERS: Mapping[str, Caller] = {
    "nobody": Caller(_UNKNOWN, lambda _, __: {}),
    "a user": Caller(Standing.MEMBER, lambda crowd, _: crowd.token_of(crowd.hire("USER")[1])),
    "an administrator": Caller(Standing.ADMIN, lambda crowd, _: crowd.token_of(crowd.hire("ORG_ADMIN")[1])),
    "another organisation's administrator": Caller(Standing.OUTSIDER, lambda crowd, _: crowd.token_of(EVE)),
    "a key with the scope": Caller(Standing.ADMIN, lambda crowd, scope: holding(crowd.key(_with(scope))), is_key=True),
    "an organisation's key with the scope": Caller(
        Standing.PIPELINE, lambda crowd, scope: holding(crowd.key(_with(scope), belongsTo="ORGANIZATION")), is_key=True
    ),
    "a key without the scope": Caller(
        Standing.LACKING, lambda crowd, scope: holding(crowd.key(_without(scope))), is_key=True
    ),
    "another organisation's key with the scope": Caller(
        Standing.OUTSIDER, lambda crowd, scope: holding(crowd.key(_with(scope), maker=crowd.eve)), is_key=True
    ),
    "a key used from elsewhere": Caller(
        Standing.BARRED, lambda crowd, _: holding(crowd.key(allowedCidrs=["192.0.2.0/24"])), is_key=True
    ),
    "a demoted administrator": Caller(Standing.MEMBER, lambda crowd, _: _changed_administrator(crowd, _DEMOTED)[0]),
    "a demoted administrator's key": Caller(
        Standing.MEMBER, lambda crowd, _: _changed_administrator(crowd, _DEMOTED)[1], is_key=True
    ),
    "a deactivated user": Caller(_UNKNOWN, lambda crowd, _: _changed_administrator(crowd, _DEACTIVATED)[0]),
    "a deactivated user's key": Caller(_UNKNOWN, lambda crowd, _: _changed_administrator(crowd, _DEACTIVATED)[1]),
    "a deleted user": Caller(_UNKNOWN, lambda crowd, _: _deleted(crowd)),
    "a logged-out token": Caller(_UNKNOWN, lambda crowd, _: _logged_out(crowd)),
    "a refresh token": Caller(_UNKNOWN, lambda crowd, _: bearer(crowd.sign_in(ADA)["refreshToken"])),
    "a suspended organisation's administrator": Caller(_UNKNOWN, lambda crowd, _: _suspended(crowd)[0]),
    "a suspended organisation's key": Caller(_UNKNOWN, lambda crowd, _: _suspended(crowd)[1]),
    "a revoked key": Caller(_UNKNOWN, lambda crowd, _: _revoked(crowd)),
    "an expired key": Caller(_UNKNOWN, lambda crowd, _: _expired(crowd)),
    "a token and a key at once": Caller(_UNKNOWN, lambda crowd, _: {**crowd.ada, **holding(crowd.key())}),
}


def may(caller: Caller, scope: str) -> bool:
    """Whether somebody whom we know may do `scope`, as the contract says it."""
    if caller.standing is Standing.BARRED:
        return False
    if scope == ANYBODY or caller.standing in (Standing.ADMIN, Standing.PIPELINE, Standing.OUTSIDER):
        return True
    return caller.standing is Standing.MEMBER and scope.startswith("sessions:")
