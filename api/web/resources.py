"""Resources: what can be opened. The table, what is on its way, and adding one."""

from typing import TYPE_CHECKING

import flask
from werkzeug.wrappers import Response

from api import idempotency
from api.access import current_actor, requires
from api.clouds import CLOUDS
from api.errors import EntryGuardError
from api.paging import Page
from api.resources import service
from api.resources.schemas import NewResource
from api.resources.verdict import BARRED
from api.web import forms, opening, resource_form
from api.web.choosing import NOT_ASKED, Choices
from api.web.forms import Form
from api.web.news import News, awaited, of_table

if TYPE_CHECKING:
    from api.resources.models import Resource

room = flask.Blueprint("resources", __name__, url_prefix="/resources")

TABLE = "pages.resources.table"

Answer = str | tuple[str, int] | Response


@room.get("")
@requires("resources:read")
def table() -> str:
    """All resources"""
    rows = service.listed(current_actor().organisation, Page()).rows
    # Where there is nothing yet, what is to be done first depends on whether there is a way into a cloud.
    offered = [] if rows else resource_form.credentials_to_choose()
    return flask.render_template("resources/table.html", resources=rows, awaited=awaited(rows), offered=offered)


@room.get("/news")
@requires("resources:read")
def news() -> News:
    """The badges that have changed by themselves"""
    return of_table("resources", service.found)


@room.get("/new")
@requires("resources:write")
def new() -> Answer:
    """The form, with the fields of one credential's provider"""
    return _form(Form({"credentialId": flask.request.args.get("credentialId", "")}))


@room.post("/new")
@requires("resources:write")
def other_fields() -> Answer:
    """The same with another credential's fields, or with what the credential can see to choose from"""
    values = forms.typed()
    credential = resource_form.chosen(resource_form.credentials_to_choose(), values)
    return _form(Form(values), resource_form.looked(credential))


@room.post("")
@requires("resources:write")
def create() -> Answer:
    """Add the resource; its verification begins by itself"""
    try:
        _create(forms.typed())
    except EntryGuardError as error:
        return _form(resource_form.again(error))
    return flask.redirect(flask.url_for(TABLE), 303)


@room.app_template_filter()
def opens(resource: "Resource") -> str:
    """What a resource opens, in words."""
    return opening.in_words(CLOUDS[resource.provider], resource.resource_type, resource.config)


@room.app_template_filter()
def kind_label(resource: "Resource") -> str:
    """What people call its type."""
    return CLOUDS[resource.provider].resource_types[resource.resource_type].label


@room.app_template_filter()
def advice(resource: "Resource") -> str:
    """What a person does about the last verdict."""
    error = resource.verification_error or ""
    if error.startswith(BARRED):
        return "Look at its credential, which says what to do. Then this is verified by itself."
    known = CLOUDS[resource.provider].remedies.get(error.partition(":")[0])
    return known or "Mend what the cloud names, or edit the resource; then verify again."


def _create(values: dict[str, str]) -> None:
    actor = current_actor()
    credential = resource_form.chosen(resource_form.credentials_to_choose(), values)
    if credential is None:
        raise resource_form.no_such_credential()
    cloud = CLOUDS[credential.provider]
    body = {**resource_form.body_of(cloud, values), "provider": cloud.name}
    beside = resource_form.errors_beside(cloud, body.get("resourceType", ""), body)
    wanted = forms.loaded(NewResource, body, beside=beside)
    idempotency.once(
        forms.asked(actor),
        lambda resource_id: service.create(actor, wanted, resource_id),
        lambda resource_id: service.of(actor.organisation, resource_id),
    )


def _form(form: Form, choices: Choices = NOT_ASKED) -> Answer:
    offered = resource_form.credentials_to_choose()
    if not offered:  # the table says what to do first
        return flask.redirect(flask.url_for(TABLE), 303)
    return resource_form.page("resources/new.html", form, offered, choices), form.status
