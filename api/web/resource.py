"""One resource: how it stands and what to do, and every change of it."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import flask
from werkzeug.wrappers import Response

from api import idempotency
from api.access import current_actor, requires
from api.clouds import CLOUDS
from api.errors import Conflict, EntryGuardError, NotFound, ResourceInUse, ResourceNotFound, StaleObject
from api.identifiers import parse
from api.lifecycle.changing import change_resource
from api.lifecycle.deleting import delete_resource, delete_resource_by_force
from api.lifecycle.dependants import dependants_of_resource
from api.resources import service
from api.resources.schemas import ChangedResource
from api.targets.service import obstacle_to
from api.web import forms, news, opening, resource_form
from api.web.choosing import NOT_ASKED
from api.web.forms import Form
from api.web.news import News
from api.web.resources import TABLE, Answer, room

if TYPE_CHECKING:
    from api.credentials.models import Credential
    from api.resources.models import Resource

_REQUIRED = ("name", "credentialId", "resourceIdentifier")


@room.get("/<resource_id>")
@requires("resources:read")
def shown(resource_id: str) -> str:
    """How it stands, why, and what to do"""
    return _page("resources/shown.html", _of(resource_id))


@room.get("/<resource_id>/status")
@requires("resources:read")
def status(resource_id: str) -> News:
    """The part that changes by itself"""
    try:
        resource = _of(resource_id)
    except NotFound:  # deleted meanwhile
        return "", 200, {"HX-Redirect": flask.url_for(TABLE)}
    if news.is_seen([resource]):
        return news.AS_IT_WAS
    return _page("resources/status.html", resource)


@room.post("/<resource_id>/verify")
@requires("resources:write")
def verify(resource_id: str) -> Response:
    """Have it verified now; then back to where that was asked for"""
    service.ask_verification(current_actor(), parse(resource_id, ResourceNotFound))
    if flask.request.form.get("back") == "table":
        return flask.redirect(flask.url_for(TABLE), 303)
    return _back_to(resource_id)


@room.get("/<resource_id>/edit")
@requires("resources:write")
def edit(resource_id: str) -> str:
    """The form with what is there"""
    resource = _of(resource_id)
    return _edit(resource, Form(_typed_of(resource)))


@room.post("/<resource_id>/choices")
@requires("resources:write")
def other_choices(resource_id: str) -> str:
    """The same with what the chosen credential can see to choose from"""
    return _edit(_of(resource_id), Form(forms.typed()), is_looking=True)


@room.post("/<resource_id>/edit")
@requires("resources:write")
def save(resource_id: str) -> Answer:
    """Change what was changed in the form, and nothing else"""
    resource = _of(resource_id)
    try:
        _save(resource, forms.typed())
    except EntryGuardError as error:
        form = resource_form.again(error)
        if isinstance(error, StaleObject):  # it has been told: who sends it again means it
            resource = _of(resource_id)
            form = replace(form, values={**form.values, "revision": str(resource.revision)})
        return _edit(resource, form), form.status
    return _back_to(resource_id)


@room.get("/<resource_id>/delete")
@requires("resources:write")
def warning(resource_id: str) -> str:
    """What goes with it"""
    return _warning(_of(resource_id), Form())


@room.post("/<resource_id>/delete")
@requires("resources:write")
def delete(resource_id: str) -> Answer:
    """Delete it, by force where that was what the warning asked for"""
    actor, which = current_actor(), parse(resource_id, ResourceNotFound)
    by_force = flask.request.form.get("force") == "true"
    try:
        (delete_resource_by_force if by_force else delete_resource)(actor, which)
    except (ResourceNotFound, Conflict):  # by the same click, sent twice
        return flask.redirect(flask.url_for(TABLE), 303)
    except ResourceInUse as error:
        told = "It is in use, which it was not when you were asked. Look at what goes with it, and decide again."
        return _warning(_of(resource_id), Form(told=told)), forms.again(error).status
    return flask.redirect(flask.url_for(TABLE), 303)


def _of(resource_id: str) -> "Resource":
    return service.of(current_actor().organisation, parse(resource_id, ResourceNotFound))


def _page(template: str, resource: "Resource") -> str:
    obstacle = obstacle_to(resource) if resource.is_active and not resource.deleting_since else None
    seen = news.look_of([resource])
    return flask.render_template(template, resource=resource, obstacle=obstacle, seen=seen)


def _warning(resource: "Resource", form: Form) -> str:
    going = dependants_of_resource(resource)
    return flask.render_template("resources/delete.html", resource=resource, going=going, form=form)


def _edit(resource: "Resource", form: Form, *, is_looking: bool = False) -> str:
    offered = _offered(resource)
    if not offered:
        raise Conflict(service.BEING_DELETED)
    choices = resource_form.looked(resource_form.chosen(offered, form.values)) if is_looking else NOT_ASKED
    return resource_form.page(
        "resources/edit.html", form, offered, choices, resource_type=resource.resource_type, resource=resource
    )


def _offered(resource: "Resource") -> "list[Credential]":
    """What it can be reached through: a resource never changes its provider."""
    return [one for one in resource_form.credentials_to_choose() if one.provider == resource.provider]


def _there(resource: "Resource") -> dict[str, Any]:
    """What can be changed of it, as the API's body has it."""
    return {
        "name": resource.name,
        "credentialId": str(resource.credential_id),
        "resourceIdentifier": resource.resource_identifier,
        "region": resource.region,
        "config": resource.config or {},
        "maxSessionMinutes": resource.max_session_minutes,
    }


def _typed_of(resource: "Resource") -> dict[str, str]:
    """What somebody would type to get this resource."""
    there = _there(resource)
    config = opening.typed_of(there.pop("config"))
    typed = {name: "" if value is None else str(value) for name, value in there.items()}
    return {**typed, **config, "revision": str(resource.revision)}


def _changes(resource: "Resource", values: dict[str, str]) -> dict[str, Any]:
    """What was typed otherwise than it is; None takes a value away. What has no field in the form stays."""
    there = _there(resource)
    cloud = CLOUDS[resource.provider]
    body = resource_form.body_of(cloud, {**values, "resourceType": resource.resource_type})
    changes = {}
    for name in {typed.partition(".")[0] for typed in values}:
        value = body.get(name, "" if name in _REQUIRED else None)
        is_kept = opening.is_same(value, there[name]) if name == "config" else value == there.get(name)
        if not is_kept:
            changes[name] = value
    return changes


def _save(resource: "Resource", values: dict[str, str]) -> None:
    """Once, however often the form is sent: a second time the resource would not be as the form found it."""
    actor = current_actor()
    seen = values.pop("revision", "")
    changes = _changes(resource, values)
    if "credentialId" in changes and resource_form.chosen(_offered(resource), values) is None:
        raise resource_form.no_such_credential()
    after = {**_there(resource), **changes}
    beside = resource_form.errors_beside(CLOUDS[resource.provider], resource.resource_type, after)
    wanted = forms.loaded(ChangedResource, changes, beside=beside)

    def change() -> "Resource":
        if str(service.of(actor.organisation, resource.id).revision) != seen:
            raise StaleObject
        return change_resource(actor, resource.id, wanted)

    idempotency.once(forms.asked(actor), lambda _: change(), lambda _: service.of(actor.organisation, resource.id))


def _back_to(resource_id: str) -> Response:
    return flask.redirect(flask.url_for("pages.resources.shown", resource_id=resource_id), 303)
