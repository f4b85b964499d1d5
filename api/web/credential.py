"""One credential: how it stands and what to do, and every change of it."""

import json
from typing import TYPE_CHECKING, Any

import flask
from werkzeug.wrappers import Response

from api import idempotency
from api.access import current_actor, requires
from api.clouds import CLOUDS
from api.credentials import service
from api.credentials.schemas import ChangedCredential
from api.errors import Conflict, CredentialInUse, CredentialNotFound, EntryGuardError, NotFound
from api.identifiers import parse
from api.lifecycle.deleting import delete_credential, delete_credential_by_force
from api.lifecycle.dependants import dependants_of_credential
from api.lifecycle.policy import policy_of
from api.server import current_server
from api.web import forms, news
from api.web.credentials import TABLE, Answer, room, secrets_of
from api.web.forms import Form
from api.web.news import News

if TYPE_CHECKING:
    from api.credentials.models import Credential


@room.get("/<credential_id>")
@requires("credentials:read")
def shown(credential_id: str) -> str:
    """How it stands, why, and what to do"""
    credential = _of(credential_id)
    policy = json.dumps(policy_of(credential), indent=2)
    return flask.render_template("credentials/shown.html", **_told(credential), policy=policy)


@room.get("/<credential_id>/status")
@requires("credentials:read")
def status(credential_id: str) -> News:
    """The part that changes by itself"""
    try:
        credential = _of(credential_id)
    except NotFound:  # deleted meanwhile
        return "", 200, {"HX-Redirect": flask.url_for(TABLE)}
    if news.is_seen([credential]):
        return news.AS_IT_WAS
    return flask.render_template("credentials/status.html", **_told(credential))


@room.post("/<credential_id>/verify")
@requires("credentials:write")
def verify(credential_id: str) -> Response:
    """Have it verified now"""
    service.ask_verification(current_actor(), parse(credential_id, CredentialNotFound))
    return _back_to(credential_id)


@room.get("/<credential_id>/name")
@requires("credentials:write")
def name(credential_id: str) -> str:
    """The form for another name"""
    credential = _of(credential_id)
    return _page("credentials/name.html", credential, Form({"name": credential.name}))


@room.post("/<credential_id>/name")
@requires("credentials:write")
def rename(credential_id: str) -> Answer:
    """Give it another name"""
    credential = _of(credential_id)
    try:
        _change(credential, {"name": "", **forms.body(forms.typed())})
    except EntryGuardError as error:
        form = forms.again(error)
        return _page("credentials/name.html", credential, form), form.status
    return _back_to(credential_id)


@room.get("/<credential_id>/secret")
@requires("credentials:write")
def secret(credential_id: str) -> str:
    """The form for a new secret"""
    return _page("credentials/secret.html", _of(credential_id), Form())


@room.post("/<credential_id>/secret")
@requires("credentials:write")
def replace_secret(credential_id: str) -> Answer:
    """Have a new secret verified, which then takes the old one's place"""
    credential = _of(credential_id)
    try:
        _change(credential, {"credentialData": {}, **forms.body(forms.typed())})
    except EntryGuardError as error:
        form = forms.again(error, without=secrets_of(CLOUDS[credential.provider]))
        return _page("credentials/secret.html", credential, form), form.status
    return _back_to(credential_id)


@room.get("/<credential_id>/delete")
@requires("credentials:write")
def warning(credential_id: str) -> str:
    """What goes with it"""
    return _warning(_of(credential_id), Form())


@room.post("/<credential_id>/delete")
@requires("credentials:write")
def delete(credential_id: str) -> Answer:
    """Delete it, by force where that was what the warning asked for"""
    actor, which = current_actor(), parse(credential_id, CredentialNotFound)
    by_force = flask.request.form.get("force") == "true"
    try:
        (delete_credential_by_force if by_force else delete_credential)(actor, which)
    except (CredentialNotFound, Conflict):  # by the same click, sent twice
        return flask.redirect(flask.url_for(TABLE), 303)
    except CredentialInUse as error:
        told = "It is in use, which it was not when you were asked. Look at what goes with it, and decide again."
        return _warning(_of(credential_id), Form(told=told)), forms.again(error).status
    return flask.redirect(flask.url_for(TABLE), 303)


def _of(credential_id: str) -> "Credential":
    return service.of(current_actor().organisation, parse(credential_id, CredentialNotFound))


def _told(credential: "Credential") -> dict[str, Any]:
    """A credential with what its cloud says of its error."""
    cloud = CLOUDS[credential.provider]
    code = (credential.verification_error or "").partition(":")[0]
    seen = news.look_of([credential])
    return {"credential": credential, "cloud": cloud, "remedy": cloud.remedies.get(code), "seen": seen}


def _page(template: str, credential: "Credential", form: Form) -> str:
    return flask.render_template(template, credential=credential, cloud=CLOUDS[credential.provider], form=form)


def _warning(credential: "Credential", form: Form) -> str:
    return flask.render_template(
        "credentials/delete.html", credential=credential, going=dependants_of_credential(credential), form=form
    )


def _change(credential: "Credential", values: dict[str, Any]) -> None:
    """Once, however often the form is sent: a second new secret would be a version more."""
    actor = current_actor()
    wanted = forms.loaded(ChangedCredential, values)
    idempotency.once(
        forms.asked(actor),
        lambda _: service.change(actor, credential.id, wanted, current_server(), verify_first=True),
        lambda _: service.of(actor.organisation, credential.id),
    )


def _back_to(credential_id: str) -> Response:
    return flask.redirect(flask.url_for("pages.credentials.shown", credential_id=credential_id), 303)
