"""Credentials: how EntryGuard reaches the clouds. The table, what is on its way, and adding one."""

import flask
from werkzeug.wrappers import Response

from api import idempotency
from api.access import current_actor, requires
from api.clouds import CLOUDS, Cloud
from api.clouds.derive import credential_errors
from api.credentials import service
from api.credentials.schemas import NewCredential
from api.errors import EntryGuardError
from api.paging import Page
from api.server import current_server
from api.web import forms
from api.web.forms import Form
from api.web.news import News, awaited, of_table

room = flask.Blueprint("credentials", __name__, url_prefix="/credentials")

TABLE = "pages.credentials.table"

Answer = str | tuple[str, int] | Response


@room.get("")
@requires("credentials:read")
def table() -> str:
    """All credentials"""
    rows = service.listed(current_actor().organisation, Page()).rows
    return flask.render_template("credentials/table.html", credentials=rows, awaited=awaited(rows))


@room.get("/news")
@requires("credentials:read")
def news() -> News:
    """The badges that have changed by themselves"""
    return of_table("credentials", service.found)


@room.get("/new")
@requires("credentials:write")
def new() -> str:
    """The form, with the fields of one provider"""
    return _form(Form(), flask.request.args.get("provider", ""))


@room.post("/new")
@requires("credentials:write")
def other_provider() -> str:
    """The same with another provider's fields, where no script fetches them"""
    values = forms.typed()
    return _form(Form({"name": values.get("name", "")}), values.get("provider", ""))


@room.post("")
@requires("credentials:write")
def create() -> Answer:
    """Add the credential; its verification begins by itself"""
    actor, values = current_actor(), forms.typed()
    cloud = _cloud(values.get("provider", ""))
    try:
        body = {"credentialData": {}, **forms.body(values)}
        wanted = forms.loaded(NewCredential, body, beside=credential_errors(cloud, body["credentialData"]))
        idempotency.once(
            forms.asked(actor),
            lambda credential_id: service.create(actor, wanted, current_server(), credential_id),
            lambda credential_id: service.of(actor.organisation, credential_id),
        )
    except EntryGuardError as error:
        form = forms.again(error, without=secrets_of(cloud))
        return _form(form, cloud.name), form.status
    return flask.redirect(flask.url_for(TABLE), 303)


def secrets_of(cloud: Cloud) -> set[str]:
    """The names of the fields whose content never comes back into a page."""
    return {f"credentialData.{field.name}" for field in cloud.fields if field.secret}


def _form(form: Form, provider: str) -> str:
    cloud = _cloud(provider)
    return flask.render_template("credentials/new.html", form=form, cloud=cloud, clouds=CLOUDS.values())


def _cloud(provider: str) -> Cloud:
    """The one that was chosen, else the first of the list."""
    return CLOUDS.get(provider) or next(iter(CLOUDS.values()))
