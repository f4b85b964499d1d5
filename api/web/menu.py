"""The sidebar, and with it all pages: the one place to add one."""

from collections.abc import Iterator
from dataclasses import dataclass

import flask

from api.access import allow
from api.actor import Actor
from api.errors import NotAllowed
from api.web import credential, credentials, resource, resources, session, sessions  # noqa: F401 - views of a room, too


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the sidebar. Its blueprint's view `table` is what the link leads to, and `scope` who sees it."""

    label: str
    room: flask.Blueprint
    scope: str
    icon: str

    @property
    def url(self) -> str:
        return flask.url_for(f"pages.{self.room.name}.table")

    @property
    def is_here(self) -> bool:
        """The page that is shown is of this entry."""
        return flask.request.blueprint == f"pages.{self.room.name}"


@dataclass(frozen=True, slots=True)
class Section:
    """Entries that belong together, under a title or none."""

    title: str | None
    entries: tuple[Entry, ...]


MENU = (
    Section(None, (Entry("Sessions", sessions.room, "sessions:read", "door"),)),
    Section(
        "Admin",
        (
            Entry("Credentials", credentials.room, "credentials:read", "key"),
            Entry("Resources", resources.room, "resources:read", "server"),
        ),
    ),
)


def entries() -> Iterator[Entry]:
    """All pages of the sidebar, in its order."""
    for section in MENU:
        yield from section.entries


def menu_of(actor: Actor) -> list[Section]:
    """What of the sidebar is shown to somebody: nothing that would not be served."""
    shown = [
        Section(section.title, tuple(entry for entry in section.entries if _is_for(actor, entry))) for section in MENU
    ]
    return [section for section in shown if section.entries]


def _is_for(actor: Actor, entry: Entry) -> bool:
    try:
        allow(actor, entry.scope)
    except NotAllowed:
        return False
    return True
