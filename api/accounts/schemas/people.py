"""Users, and how they sign in."""

from marshmallow import fields, validate

from api.accounts.passwords import LONGEST, SHORTEST
from api.accounts.schemas.typed import Email, Hidden
from api.accounts.service.sign_in import Attempt, Registration
from api.accounts.service.users import ROLES, NewUser, UserChange
from api.schemas import Body, Flag, Moment, Text, Whole

EXAMPLE_ID = "3f8c1f0e-6b7a-4a51-9d7e-0c5b7f2a9e11"
_TIME = "2026-02-18T10:00:00Z"
_ROLE = "ORG_ADMIN administers the organization; USER opens sessions"


def _email() -> Email:
    return Email(
        required=True, metadata={"description": "E-mail address to sign in with", "example": "ana@example.com"}
    )


def _name(*, required: bool) -> Text:
    return Text(
        required=required,
        validate=validate.Length(1, 200),
        metadata={"description": "The person's name", "example": "Ana Horvat"},
    )


def _new_password() -> Hidden:
    return Hidden(
        required=True,
        least=SHORTEST,
        most=LONGEST,
        metadata={
            "description": f"Password, {SHORTEST} to {LONGEST} characters",
            "format": "password",
            "example": "correct horse battery",
        },
    )


class NewUserBody(Body):
    """A person to add to the organization."""

    target = NewUser

    email = _email()
    name = _name(required=True)
    password = _new_password()
    role = fields.String(
        validate=validate.OneOf(ROLES), metadata={"description": f"{_ROLE}. Default: USER", "example": "USER"}
    )


class UserChangeBody(Body):
    """What to change of a person; what is left out stays."""

    target = UserChange

    name = _name(required=False)
    role = fields.String(validate=validate.OneOf(ROLES), metadata={"description": _ROLE, "example": "ORG_ADMIN"})
    is_active = Flag(
        metadata={"description": "false: may not sign in; ends their logins, API keys and sessions", "example": True}
    )


class ShownUser(Body):
    """A person of the organization."""

    id = fields.UUID(metadata={"description": "Names the user", "example": EXAMPLE_ID})
    email = fields.String(metadata={"description": "E-mail address to sign in with", "example": "ana@example.com"})
    name = fields.String(metadata={"description": "The person's name", "example": "Ana Horvat"})
    role = fields.String(metadata={"description": _ROLE, "enum": list(ROLES), "example": "ORG_ADMIN"})
    is_active = fields.Boolean(metadata={"description": "Whether they may sign in", "example": True})
    created_at = Moment(metadata={"description": "When they were added (UTC)", "example": _TIME})
    updated_at = Moment(metadata={"description": "When they were last changed (UTC)", "example": _TIME})
    revision = Whole(metadata={"description": "Counts the changes; the ETag is made of it", "example": 1})


class SignInBody(Body):
    """Who signs in."""

    target = Attempt

    organization_slug = Text(
        validate=validate.Length(1, 100),
        metadata={
            "description": "The organization's short name; may be left out where the address is in one only",
            "example": "acme",
        },
    )
    email = _email()
    password = Hidden(
        required=True, metadata={"description": "Password", "format": "password", "example": "correct horse battery"}
    )


class RegistrationBody(Body):
    """An organization to make, and its first administrator."""

    target = Registration

    organization_name = Text(
        required=True,
        validate=validate.Length(1, 200),
        metadata={"description": "The organization's name", "example": "Acme Ltd"},
    )
    email = _email()
    name = _name(required=True)
    password = _new_password()


class RefreshBody(Body):
    """The token to exchange."""

    refresh_token = Hidden(
        required=True,
        most=2000,
        metadata={"description": "The last refresh token of this login; good for one use", "example": "eyJhbGciOi…"},
    )


class ShownLogin(Body):
    """Tokens: one to act with, one to exchange for the next two."""

    access_token = fields.String(
        metadata={"description": "Sent as `Authorization: Bearer …`, good for 15 minutes", "example": "eyJhbGciOi…"}
    )
    refresh_token = fields.String(
        metadata={"description": "For POST /auth/refresh, once, within 7 days", "example": "eyJhbGciOi…"}
    )
    token_type = fields.String(metadata={"description": "How the access token is sent", "example": "Bearer"})
    expires_in = Whole(metadata={"description": "Seconds until the access token expires", "example": 900})
    user = fields.Nested(ShownUser, metadata={"description": "Who signed in"})
