"""Sessions: letting oneself in. What can be opened, what is open, and what has ended."""

from typing import Any

import flask
from werkzeug.wrappers import Response

from api import idempotency
from api.access import current_actor, requires
from api.actor import Actor
from api.errors import Details, EntryGuardError, ResourceNotFound
from api.paging import Page, PageArguments
from api.server import current_server
from api.sessions import service, starting
from api.sessions.addresses import ADMIN
from api.sessions.schemas import NewSession
from api.sessions.shown import overviews
from api.web import forms, session_words
from api.web.durations import clock, written
from api.web.forms import Form
from api.web.session_offer import Offer, offer
from api.web.session_rows import digest, resources_of, rows

room = flask.Blueprint("sessions", __name__, url_prefix="/sessions")

TABLE = "pages.sessions.table"
# So many the API takes by their ids.
_NAMED_AT_MOST = 500
_DIGITS_AT_MOST = 8
_GONE = "Something that you chose is not there any more, or not for you. This is what you may open now."

Answer = str | tuple[str, int] | Response


@room.get("")
@requires("sessions:read")
def table() -> str:
    """What is open, and what can be opened"""
    return page(Form())


@room.get("/open")
@requires("sessions:read")
def news() -> str | tuple[str, int]:
    """The table of what is open, and what can be opened where that has changed; nothing, where all looks as it did"""
    told, offered, args = _open_now(), _offered_anew(), flask.request.args
    is_offered_anew = args.get("offered") != offered.digest
    if args.get("seen") == told["seen"] and not is_offered_anew:
        return "", 204
    return flask.render_template(
        "sessions/news.html", form=Form(), offer=offered, is_offered_anew=is_offered_anew, **told
    )


@room.get("/history")
@requires("sessions:read")
def history() -> str:
    """What has ended"""
    listing = service.finished(current_actor(), _wanted_page())
    return flask.render_template(
        "sessions/history.html",
        overviews=overviews(listing.rows),
        older=listing.next_cursor,
        resources_of=resources_of,
        **_words(),
    )


@room.post("")
@requires("sessions:write")
def start() -> Answer:
    """Open what was chosen"""
    actor, settings = current_actor(), current_server().settings
    chosen = flask.request.form.getlist("resourceIds")
    try:
        wanted = forms.loaded(NewSession, _body(actor, chosen), beside=_missing(chosen))
        idempotency.once(
            forms.asked(actor),
            lambda session_id: starting.start(actor, wanted, session_id, settings),
            lambda session_id: service.of(actor, session_id),
        )
    except ResourceNotFound:
        return page(Form(forms.typed(), told=_GONE, status=409)), 409
    except EntryGuardError as error:
        form = forms.again(error)
        return page(form, offer(actor, settings, chosen)), form.status
    return flask.redirect(flask.url_for(TABLE), 303)


def page(form: Form, offered: Offer | None = None, refused: str | None = None) -> str:
    """All of it. refused: why a session in the table was not changed."""
    actor = current_actor()
    offered = offered or offer(actor, current_server().settings)
    return flask.render_template(
        "sessions/table.html",
        form=form,
        offer=offered,
        refused=refused,
        **_open_now(),
    )


def minutes_in(values: dict[str, Any]) -> dict[str, Any]:
    """The body with its duration as a number, where it is one."""
    minutes = str(values.get("durationMinutes", ""))
    is_number = minutes.isascii() and minutes.isdigit() and len(minutes) <= _DIGITS_AT_MOST
    return {**values, "durationMinutes": int(minutes)} if is_number else values


def _offered_anew() -> Offer:
    """What can be opened now. What was not there before is not checked by itself, except where nothing was."""
    return offer(current_actor(), current_server().settings, None if "none" in flask.request.args else ())


def _open_now() -> dict[str, Any]:
    actor, wanted = current_actor(), _wanted_page()
    listing = service.unfinished(actor, wanted)
    shown = rows(actor, listing.rows)
    return {
        "rows": shown,
        "seen": digest(shown, listing.next_cursor),
        "more": listing.next_cursor,
        "cursor": flask.request.args.get("cursor") if wanted.cursor else None,
        "has_own": any(row.is_own and row.is_open for row in shown),
        **_words(),
    }


def _words() -> dict[str, Any]:
    return {"sees_all": _is_admin(current_actor()), "words": session_words, "clock": clock, "written": written}


def _is_admin(actor: Actor) -> bool:
    return actor.role == ADMIN


def _wanted_page() -> Page:
    cursor = flask.request.args.get("cursor")
    wanted: Page = forms.loaded(PageArguments, {} if cursor is None else {"cursor": cursor})
    return wanted


def _body(actor: Actor, chosen: list[str]) -> dict[str, Any]:
    typed = {name: text for name, text in forms.typed().items() if name != "resourceIds"}
    return {**minutes_in(forms.body(typed)), "resourceIds": _named(actor, chosen)}


def _named(actor: Actor, chosen: list[str]) -> list[str] | None:
    """What was chosen; None for all, where that is more than can be named."""
    if len(chosen) <= _NAMED_AT_MOST:
        return chosen
    everything = {str(one.resource.id) for one in offer(actor, current_server().settings, ()).openable}
    return None if everything <= set(chosen) else chosen


def _missing(chosen: list[str]) -> Details:
    """What nobody can open without."""
    missing = {}
    if not chosen:
        missing["resourceIds"] = ["Choose at least one."]
    if not flask.request.form.get("durationMinutes"):
        missing["durationMinutes"] = ["Choose how long."]
    return missing
