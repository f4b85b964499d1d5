"""One session that is open: a later end, another address, an early end."""

from collections.abc import Callable

import flask

from api import idempotency
from api.access import current_actor, requires
from api.errors import Conflict, EntryGuardError, SessionNotFound
from api.identifiers import parse
from api.server import current_server
from api.sessions import changing, service
from api.sessions.addresses import WantedAddresses
from api.sessions.schemas import WantedDurationBody
from api.web import forms
from api.web.forms import Form
from api.web.sessions import TABLE, Answer, minutes_in, page, room


@room.post("/<session_id>/stop")
@requires("sessions:write")
def stop(session_id: str) -> Answer:
    """End it now; it does no harm to do so twice"""
    actor, which = current_actor(), parse(session_id, SessionNotFound)
    try:
        service.stop(actor, which)
    except Conflict:  # it has ended, which is what was wanted
        return _back()
    return _back()


@room.post("/<session_id>/extend")
@requires("sessions:write")
def extend(session_id: str) -> Answer:
    """Let it end later, once however often the form is sent"""
    actor, which = current_actor(), parse(session_id, SessionNotFound)

    def change() -> None:
        wanted = forms.loaded(WantedDurationBody, minutes_in(forms.body(forms.typed())))
        idempotency.once(
            forms.asked(actor),
            lambda _: changing.extend(actor, which, wanted),
            lambda _: service.of(actor, which),
        )

    return _changed(change)


@room.post("/<session_id>/move")
@requires("sessions:write")
def move(session_id: str) -> Answer:
    """Let its holder in from where he is now, and no longer from where he was"""
    actor, which = current_actor(), parse(session_id, SessionNotFound)
    settings = current_server().settings
    return _changed(lambda: changing.change_addresses(actor, which, WantedAddresses(), settings))


def _changed(change: Callable[[], object]) -> Answer:
    try:
        change()
    except EntryGuardError as error:
        status = forms.again(error).status
        return page(Form(), refused=forms.in_a_line(error)), status
    return _back()


def _back() -> Answer:
    return flask.redirect(flask.url_for(TABLE), 303)
