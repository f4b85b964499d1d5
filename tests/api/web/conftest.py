"""The pages as a browser asks for them, without one: the whole application over a fresh database."""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from api import notify
from api.accounts import passwords
from api.credentials.models import Credential
from api.settings import Settings
from api.vault import Vault
from tests.api.conftest import PASSWORD, QUICK_HASHER, Caller, shared_app
from tests.api.web.resource_forms import credential_of

FROM_OURSELVES = {"Sec-Fetch-Site": "same-origin"}


@dataclass(frozen=True)
class Visitor:
    """Somebody at a browser of their own."""

    client: FlaskClient

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)

    def post(self, path: str, form: Mapping[str, str] | None = None, **headers: str) -> Any:
        """Send a form, as a page of ours would."""
        return self.client.post(path, data=dict(form or {}), headers={**FROM_OURSELVES, **headers})

    def sign_in(self, email: str, password: str = PASSWORD, **more: str) -> Any:
        return self.post("/sign-in", {"email": email, "password": password, **more})


def text_of(page: Any) -> str:
    """What can be read on a page."""
    whole = page.text.replace("<wbr>", "")
    words = re.sub(r"<(script|style|title)[^>]*>.*?</\1>|<[^>]+>", " ", whole, flags=re.DOTALL)
    return " ".join(html.unescape(words).split())


def key_in(page: Any) -> str:
    """The hidden key of the form on a page."""
    return str(re.search(r'name="formKey" value="([^"]+)"', page.text)[1])  # type: ignore[index]


@pytest.fixture
def app(environment: dict[str, str], settings: Settings, vault: Vault) -> flask.Flask:
    """The application, joined once for all of these tests."""
    notify.use(settings.redis_url)
    return shared_app(environment, settings, vault)


@pytest.fixture
def stranger(app: flask.Flask) -> Visitor:
    """Somebody who has not signed in."""
    return Visitor(app.test_client())


@pytest.fixture
def visit(app: flask.Flask) -> Callable[[Caller], Visitor]:
    """Somebody who has signed in on the pages."""

    def signed_in(caller: Caller) -> Visitor:
        visitor = Visitor(app.test_client())
        assert visitor.sign_in(caller.user.email).status_code == 303
        return visitor

    return signed_in


@pytest.fixture
def ada(admin: Caller, visit: Callable[[Caller], Visitor]) -> Visitor:
    """The administrator."""
    return visit(admin)


@pytest.fixture
def uma(user: Caller, visit: Callable[[Caller], Visitor]) -> Visitor:
    """Somebody of the same organisation who administers nothing."""
    return visit(user)


@pytest.fixture
def eve(outsider: Caller, visit: Callable[[Caller], Visitor]) -> Visitor:
    """The administrator of another organisation."""
    return visit(outsider)


@pytest.fixture
def credential(admin: Caller) -> Credential:
    """A way into AWS that is valid."""
    return credential_of(admin, "AWS", name="AWS production")


@pytest.fixture(scope="session", autouse=True)
def _quick_sign_in() -> Iterator[None]:
    """Everybody signs in twice here; what Argon2 costs is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", QUICK_HASHER)
        yield
