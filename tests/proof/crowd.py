"""People and pipelines of two organisations, made through the API as their administrators would make them."""

import base64
import itertools
import re
import uuid
from typing import Any

from flask.testing import FlaskClient

from api.access import SCOPES
from api.accounts import service as accounts
from api.openapi import BASE_PATH
from api.secret import Secret
from tests.api.conftest import PASSWORD

Headers = dict[str, str]

ADA, EVE = "ada@example.com", "eve@example.org"
FOREIGN = "Eve's"
"""How the names of Eve's things begin."""
SIGNS_OF_EVE = (FOREIGN, EVE, "eve-s-company")


class Crowd:
    """Ada administers one organisation, Eve another. Everybody else is made when asked for."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self._numbers = itertools.count(1)
        for email, organisation in ((ADA, "Acme"), (EVE, f"{FOREIGN} company")):
            accounts.add_administrator(email, Secret.of_text(PASSWORD), organisation, "PAID")
        self.ask_afresh()

    def ask_afresh(self) -> None:
        """Ada and Eve sign in anew: a token lives for a quarter of an hour, and some tests longer."""
        self.ada = self.token_of(ADA)
        self.eve = self.token_of(EVE)

    def ask(self, headers: Headers, method: str, path: str, body: Any = None) -> Any:
        """What the server answers to something that must succeed."""
        answer = self.client.open(f"{BASE_PATH}{path}", method=method, json=body, headers=headers)
        assert answer.status_code < 300, (method, path, answer.text)
        return answer.get_json() if answer.data else None

    def sign_in(self, email: str) -> dict[str, Any]:
        """A new login, as the server answers it."""
        answer: dict[str, Any] = self.ask({}, "POST", "/auth/login", {"email": email, "password": PASSWORD})
        return answer

    def token_of(self, email: str) -> Headers:
        """A new login's access token."""
        return bearer(self.sign_in(email)["accessToken"])

    def hire(self, role: str, boss: Headers | None = None) -> tuple[str, str]:
        """Somebody new in Ada's organisation, unless another boss is named: their id and address."""
        email = self.new_email()
        body = {"email": email, "name": self.name_for(boss), "password": PASSWORD, "role": role}
        return self.ask(boss or self.ada, "POST", "/users", body)["id"], email

    def key(self, scopes: frozenset[str] | set[str] = SCOPES, maker: Headers | None = None, **body: Any) -> Any:
        """A new key of Ada's, unless another maker is named, as the server answers it."""
        wanted = {"name": self.name_for(maker), "scopes": sorted(scopes), **body}
        return self.ask(maker or self.ada, "POST", "/api-keys", wanted)

    def cursor(self, reader: Headers, path: str) -> str:
        """Where the first page of this reader's list ends, if a page has one row."""
        link = self.client.get(f"{BASE_PATH}{path}?limit=1", headers=reader).headers["Link"]
        return str(re.findall(r"cursor=([\w-]+)", link)[0])

    @staticmethod
    def cursor_of_nothing(cursor: str) -> str:
        """The same place in the order as `cursor` names, of an object that is not there."""
        rank = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")[0]
        return base64.urlsafe_b64encode(f"{rank}:{uuid.uuid4().hex}".encode()).decode().rstrip("=")

    def new_email(self) -> str:
        return f"person-{next(self._numbers)}@example.com"

    def name_for(self, maker: Headers | None) -> str:
        """Eve's things can be told by their names."""
        return f"{FOREIGN} own" if maker is not None and maker == self.eve else "Ours"


def shows_eve(text: str) -> bool:
    """Something in it is the other organisation's."""
    return any(sign in text for sign in SIGNS_OF_EVE)


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def holding(key: Any) -> Headers:
    return {"X-API-Key": key["plainTextKey"]}
