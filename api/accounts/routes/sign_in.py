"""/auth: signing in and out."""

import functools
from typing import Any

from flask.views import MethodView

from api.access import View, authenticated, current_actor, stranger
from api.accounts.schemas.organization import ShownCaller
from api.accounts.schemas.people import RefreshBody, RegistrationBody, ShownLogin, SignInBody
from api.accounts.service import sign_in
from api.actor import Actor
from api.errors import NotAllowed, RateLimited, Unauthenticated
from api.room import Room
from api.secret import Secret
from api.server import current_server
from api.tokens import LIFETIME

room = Room("auth", __name__, description="Sign in and out.")

_CLOSED = NotAllowed("Registration is closed on this server. Ask its operator for an account.")
# Without the organization's slug, which would have to be taken out before the example can be tried.
_EXAMPLE = {"email": "ana@example.com", "password": "correct horse battery"}


def _if_open(view: View) -> View:
    """Refuse before the body is read, so that a closed server takes no work for it."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not current_server().settings.open_registration:
            raise _CLOSED
        return view(*args, **kwargs)

    return guarded  # type: ignore[return-value] # called as the view is


@room.route("/register")
class Register(MethodView):
    @_if_open
    @room.arguments(RegistrationBody)
    @room.response(201, ShownLogin)
    @room.raises(_CLOSED)
    def post(self, wanted: sign_in.Registration) -> dict[str, Any]:
        """Register an organization

        Makes an organization and signs its first administrator in. Most servers do not allow it: see
        `ENTRYGUARD_OPEN_REGISTRATION`.
        """
        return _shown(sign_in.register(stranger(), wanted, current_server().settings.default_tier))


@room.route("/login")
class SignIn(MethodView):
    @room.arguments(SignInBody, example=_EXAMPLE)
    @room.response(200, ShownLogin)
    @room.raises(Unauthenticated(sign_in.WRONG), RateLimited(30))
    def post(self, attempt: sign_in.Attempt) -> dict[str, Any]:
        """Sign in

        Answers an access token for `Authorization: Bearer …` and a refresh token. The answer to a wrong address and to
        a wrong password is the same; after many of them it is 429 for a growing while.
        """
        return _shown(sign_in.sign_in(stranger(), attempt, current_server().settings.audit_key))


@room.route("/refresh")
class Refresh(MethodView):
    @room.arguments(RefreshBody)
    @room.response(200, ShownLogin)
    @room.raises(Unauthenticated())
    def post(self, body: dict[str, Secret]) -> dict[str, Any]:
        """Exchange a refresh token

        Answers a new access token and a new refresh token; the one that was sent is used up. One that is sent a second
        time ends the login, since somebody has a copy of it.
        """
        return _shown(sign_in.refresh(stranger(), body["refresh_token"]))


@room.route("/logout")
class SignOut(MethodView):
    @authenticated
    @room.response(204)
    def post(self) -> None:
        """Sign out

        Ends the login that the access token belongs to: this token, all others of the login and its refresh token stop
        at once.
        """
        sign_in.sign_out(current_actor())


@room.route("/me")
class Me(MethodView):
    @authenticated
    @room.response(200, ShownCaller)
    def get(self) -> Actor:
        """Show who asks

        The person or the API key that the request identified itself with.
        """
        return current_actor()


def _shown(login: sign_in.SignedIn) -> dict[str, Any]:
    return {
        "access_token": login.access_token,
        "refresh_token": login.refresh_token,
        "token_type": "Bearer",
        "expires_in": int(LIFETIME["access"].total_seconds()),
        "user": login.user,
    }
