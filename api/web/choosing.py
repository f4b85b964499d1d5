"""Choosing what a resource is from what its credential can see, instead of typing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from api.clouds import CLOUDS
from api.credentials.listing import visible
from api.credentials.schemas import TargetParameters
from api.errors import Details, InvalidInput, Unavailable, VerificationFailed
from api.server import current_server
from api.web import forms

if TYPE_CHECKING:
    from api.credentials.models import Credential

LOOK = "look"
"""The button that asks for it."""

# A page gives up after 15 s. What comes later is there when the button is pressed again.
_WAIT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Choices:
    """What was found, identifier and text. told: what to say of it; nothing, where nobody asked."""

    found: Sequence[tuple[str, str]] = ()
    told: str | None = None
    errors: Details = field(default_factory=dict)


NOT_ASKED = Choices()


def choices_of(credential: "Credential", region: str) -> Choices:
    """Have the cloud show what the credential can see, and wait for it."""
    cloud = CLOUDS[credential.provider]
    try:
        where = forms.loaded(TargetParameters, forms.body({"region": region if cloud.needs_region else ""}))
        seen = visible(credential, where.get("region"), current_server().waiting_room, _WAIT_SECONDS)
    except InvalidInput as error:
        return Choices(errors=error.details)
    except VerificationFailed as error:
        return Choices(told=f"{cloud.label} does not show what there is: {error.message}. You can type it instead.")
    except Unavailable:
        return Choices(told=f"{cloud.label} has not answered yet. Ask again in a few seconds, or type it instead.")
    if not seen:
        return Choices(told="The credential can see nothing here. You can type it instead.")
    return Choices([(one["resource_identifier"], _text(one)) for one in seen], f"{len(seen):,} to choose from.")


def _text(one: Mapping[str, Any]) -> str:
    """`web, sg-0abc, Public web servers`, each part once."""
    return ", ".join(dict.fromkeys(filter(None, (one["name"], one["resource_identifier"], one["description"]))))
