"""The form of a resource: what adding one and editing one have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import flask

from api.access import current_actor
from api.clouds import CLOUDS, Cloud
from api.credentials import service as credentials
from api.errors import Details, EntryGuardError, InvalidInput
from api.paging import Page
from api.resources.service import errors_of
from api.web import forms, opening
from api.web.choosing import LOOK, NOT_ASKED, Choices, choices_of
from api.web.forms import Form

if TYPE_CHECKING:
    from api.credentials.models import Credential


def credentials_to_choose() -> "list[Credential]":
    """What a resource can be reached through, the oldest first."""
    rows = credentials.listed(current_actor().organisation, Page()).rows
    return [credential for credential in rows if credential.deleting_since is None]


def chosen(offered: "Sequence[Credential]", values: Mapping[str, str]) -> "Credential | None":
    """The credential that was chosen, if there is still such a one."""
    return next((one for one in offered if str(one.id) == values.get("credentialId")), None)


def kind_of(cloud: Cloud, values: Mapping[str, str]) -> str:
    """The type that was chosen, else the cloud's first."""
    typed = values.get("resourceType", "")
    return typed if typed in cloud.resource_types else next(iter(cloud.resource_types))


def body_of(cloud: Cloud, values: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, as the API's body has it."""
    body = forms.body(values)
    body["config"] = opening.config_of(cloud, kind_of(cloud, values), body.get("config", {}))
    if "maxSessionMinutes" in body:
        body["maxSessionMinutes"] = opening.whole(body["maxSessionMinutes"])
    return body


def errors_beside(cloud: Cloud, resource_type: str, body: Mapping[str, Any]) -> Details:
    """What the service would say of a body after its schema, by the API's names."""
    identifier = str(body.get("resourceIdentifier", "")).strip()
    return errors_of(cloud.name, resource_type, identifier, body.get("region"), body.get("config"))


def no_such_credential() -> InvalidInput:
    """The credential was deleted meanwhile, or nobody's."""
    sentence = "There is no such credential any more. Choose another one."
    return InvalidInput(sentence, {"credentialId": [sentence]})


def again(error: EntryGuardError) -> Form:
    """The form with what is wrong with it, each error where what it is about is typed."""
    form = forms.again(error)
    return replace(form, errors=opening.beside_fields(form.errors))


def looked(credential: "Credential | None") -> Choices:
    """What the credential can see, where that was asked for."""
    values = forms.typed()
    return choices_of(credential, values.get("region", "")) if credential and LOOK in values else NOT_ASKED


def page(
    template: str,
    form: Form,
    offered: "Sequence[Credential]",
    choices: Choices,
    *,
    resource_type: str | None = None,
    **more: Any,
) -> str:
    """The form with the fields of the chosen credential's cloud; of the first one's where none is chosen."""
    cloud = CLOUDS[(chosen(offered, form.values) or offered[0]).provider]
    kind = cloud.resource_types[resource_type or kind_of(cloud, form.values)]
    return flask.render_template(
        template,
        form=replace(form, errors={**form.errors, **choices.errors}),
        credentials=[(str(one.id), f"{one.name} ({one.provider})") for one in offered],
        cloud=cloud,
        kind=kind,
        kinds=[(kind.name, kind.label) for kind in cloud.resource_types.values()],
        options=opening.options_of(cloud, kind.name),
        choices=choices,
        **more,
    )
