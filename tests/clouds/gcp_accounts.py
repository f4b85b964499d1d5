"""Google's service accounts: their keys, what they may do, and the token endpoint that proves them."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt

from tests.clouds.gcp_compute import Refusal

# What google-auth puts into `aud`, whatever endpoint it asks.
AUDIENCE = "https://oauth2.googleapis.com/token"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_SECONDS = 3599
_LONGEST_LIFE_SECONDS = 3600
_SKEW_SECONDS = 300
_TIMES = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)

Answer = tuple[int, dict[str, Any]]


@dataclass
class Account:
    """A service account. `keys` are public keys by their ids."""

    email: str
    project: str
    permissions: set[str]
    keys: dict[str, str] = field(default_factory=dict)
    state: str = "there"


class Accounts:
    """All service accounts, and the tokens that they were given."""

    def __init__(self) -> None:
        self.by_email: dict[str, Account] = {}
        self.clock_seconds = 0.0
        self._tokens: dict[str, str] = {}

    def token(self, form: dict[str, str]) -> Answer:
        """An answer of the token endpoint."""
        if form.get("grant_type") != _GRANT:
            return _refused("unsupported_grant_type", "Invalid grant_type")
        problem = self._problem(form.get("assertion", ""))
        if problem:
            return _refused("invalid_grant", problem)
        claims = _unverified(form["assertion"])
        if not claims.get("scope"):
            return _refused("invalid_scope", "Empty or missing scope not allowed.")
        token = f"ya29.c.{uuid.uuid4().hex}"
        self._tokens[token] = claims["iss"]
        return 200, {"access_token": token, "expires_in": _TOKEN_SECONDS, "token_type": "Bearer"}

    def of_token(self, header: str) -> Account:
        """Whose token it is; a token that its account has signed itself is none of ours."""
        account = self.by_email.get(self._tokens.get(header.removeprefix("Bearer "), ""))
        if account is None or account.state != "there":
            message = "Request had invalid authentication credentials."
            raise Refusal(401, "authError", message, canonical="UNAUTHENTICATED")
        return account

    def forget_tokens(self) -> None:
        self._tokens.clear()

    def _problem(self, assertion: str) -> str:
        """What is wrong with an assertion, in Google's words."""
        try:
            claims, kid = _unverified(assertion), jwt.get_unverified_header(assertion).get("kid")
        except jwt.PyJWTError:
            return "Bad Request"
        account = self.by_email.get(claims.get("iss", ""))
        if account is None or account.state == "deleted":
            return "Invalid grant: account not found"
        if account.state == "disabled":
            return "Invalid grant: account disabled"
        keys = [key for name, key in account.keys.items() if kid in (None, name)]
        if not any(_signed_by(key, assertion) for key in keys):
            return "Invalid JWT Signature."
        now = time.time() + self.clock_seconds
        issued, ends = claims.get("iat", 0), claims.get("exp", 0)
        if not issued - _SKEW_SECONDS <= now <= ends or ends - issued > _LONGEST_LIFE_SECONDS:
            return _TIMES
        return "" if claims.get("aud") == AUDIENCE else "Invalid JWT: Failed audience check."


def _unverified(assertion: str) -> dict[str, Any]:
    return jwt.decode(assertion, options={"verify_signature": False})


def _signed_by(key: str, assertion: str) -> bool:
    try:
        jwt.decode(assertion, key, ["RS256"], options={"verify_aud": False, "verify_exp": False, "verify_iat": False})
    except jwt.InvalidSignatureError:
        return False
    return True


def _refused(error: str, description: str) -> Answer:
    return 400, {"error": error, "error_description": description}
