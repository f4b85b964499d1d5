"""What a person does on the Sessions page, without a browser."""

import re
from typing import Any

import pytest

from api.database import current_time, write
from api.resources.models import Resource
from api.sessions import service
from api.sessions.models import Session
from api.targets.models import Grant
from tests.api.sessions.conftest import (  # noqa: F401 - pytest finds the fixtures by name
    HOME,
    credential,
    make_role,
    organisation,
    resource,
    settle_grants,
)
from tests.api.web.conftest import Visitor, key_in
from tests.rows import fresh

PATH = "/sessions"


@pytest.fixture
def ada(ada: Visitor) -> Visitor:
    return at(ada, HOME)


@pytest.fixture
def uma(uma: Visitor) -> Visitor:
    return at(uma, HOME)


def at(visitor: Visitor, address: str) -> Visitor:
    """The same, somewhere else."""
    visitor.client.environ_base["REMOTE_ADDR"] = address
    return visitor


def form_of(*resources: Resource, minutes: int | str = 60, **more: Any) -> dict[str, Any]:
    return {"resourceIds": [str(one.id) for one in resources], "durationMinutes": str(minutes), **more}


def opened(visitor: Visitor, *resources: Resource, minutes: int = 60, **more: Any) -> Session:
    """A session that somebody has opened on the page."""
    key = key_in(visitor.get(PATH))
    answer = visitor.post(PATH, form_of(*resources, minutes=minutes, formKey=key, **more))
    assert (answer.status_code, answer.location) == (303, PATH), answer.text
    last: Session = Session.select().order_by(Session.created_at.desc()).get()
    return last


def path_of(session: Session, rest: str) -> str:
    return f"{PATH}/{session.id}/{rest}"


def durations(page: Any) -> list[str]:
    """The buttons that are there to open something with."""
    without_scripts = re.sub(r"<noscript>.*?</noscript>", "", page.text, flags=re.DOTALL)
    offer = without_scripts.partition('class="card offer"')[2].partition("</form>")[0]
    found = re.findall(r'<button [^>]*name="durationMinutes"([^>]*)>([^<]+)</button>', offer)
    return [label for attributes, label in found if "hidden" not in attributes]


def extensions(page: Any) -> list[str]:
    """The buttons that are there to extend something by."""
    return re.findall(r'name="durationMinutes"[^>]*>\+([^<]+)</button>', page.text)


def checked(page: Any) -> list[str]:
    """The ids of the resources that are checked."""
    return re.findall(r'name="resourceIds" value="([^"]+)"[^>]* checked>', page.text)


def settled(session: Session, status: str = "APPLIED", *resources: Resource, **columns: Any) -> Session:
    settle_grants(str(session.id), status, *resources, **columns)
    return fresh(session)


def ended(session: Session) -> Session:
    """A session of which nothing is left."""
    with write():
        Grant.update(status="REMOVED", removed_at=current_time()).where(Grant.session_id == session.id).execute()
        service.follow({session.id})
    return fresh(session)


def news_path(page: Any) -> str:
    """What the table asks for."""
    found = re.search(r'hx-get="(/sessions/open\?[^"]+)"', page.text)
    assert found
    return found[1].replace("&amp;", "&")


def table_in(page: Any) -> str:
    return str(re.search(r"<tbody>.*</tbody>", page.text, flags=re.DOTALL)[0])  # type: ignore[index]
