"""Signing in and out, and the way in."""

import flask
from werkzeug.wrappers import Response

from api import cookies
from api.access import current_actor, stranger
from api.accounts.schemas.people import SignInBody
from api.accounts.service import sign_in as sign_ins
from api.errors import EntryGuardError, Unauthenticated
from api.server import current_server
from api.web import forms
from api.web.forms import Form

room = flask.Blueprint("front", __name__)

_SECRETS = ("password",)


@room.get("/")
def start() -> Response:
    """To the page that everybody has"""
    current_actor()
    return flask.redirect(flask.url_for("pages.sessions.table"), 303)


@room.get("/sign-in")
def sign_in() -> str | Response:
    """The form; who is signed in already goes on"""
    try:
        current_actor()
    except Unauthenticated:
        return _form(Form())
    return flask.redirect(_next(), 303)


@room.post("/sign-in")
def signed_in() -> tuple[str, int] | Response:
    """Sign in, and go on to where one wanted to go"""
    settings = current_server().settings
    try:
        values = {name: text for name, text in forms.typed().items() if name != "next"}
        attempt = forms.loaded(SignInBody, forms.body(values))
        login = sign_ins.sign_in_on_pages(stranger(), attempt, settings.audit_key)
    except EntryGuardError as error:
        form = forms.again(error, without=_SECRETS)
        return _form(form), form.status
    response = flask.redirect(_next(), 303)
    cookies.give(response, login, settings)
    return response


@room.post("/sign-out")
def signed_out() -> Response:
    """Sign out; it does no harm to do so twice"""
    response = flask.redirect(flask.url_for("pages.front.sign_in"), 303)
    cookies.take_back(response, current_server().settings)
    try:
        sign_ins.sign_out(current_actor())
    except Unauthenticated:
        return response
    return response


def _form(form: Form) -> str:
    return flask.render_template("sign_in.html", form=form, next=flask.request.values.get("next", ""))


def _next() -> str:
    """Where to go on to: a page of ours and nothing else, for the address came from elsewhere."""
    path = flask.request.values.get("next", "")
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\", "/sign-"))
    is_plain = path.isascii() and path.isprintable() and "\\" not in path
    return path if is_ours and is_plain else flask.url_for("pages.sessions.table")
