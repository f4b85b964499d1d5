"""Resources to show, and what a person types and a browser sends for them."""

import re
import uuid
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.clouds import CLOUDS
from api.credentials.models import Credential, TargetListing
from api.database import current_time, write
from api.resources.models import Resource
from tests.api.conftest import Caller
from tests.rows import make_credential, make_resource

EVERY_CLOUD = pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS)
MARKUP = '<b onclick="x()">&\'name</b><script>'
GROUP = "sg-0abc123def456"


def credential_of(caller: Caller, provider: str, **columns: Any) -> Credential:
    """A way into a cloud that is valid."""
    columns = {"credential_type": CLOUDS[provider].credential_type, "is_valid": True, "account": "1234", **columns}
    return make_credential(Organisation.get_by_id(caller.user.organisation_id), provider=provider, **columns)


def form_of(credential: Credential, **more: str) -> dict[str, str]:
    """What a person types for the example that the credential's cloud declares."""
    cloud = CLOUDS[credential.provider]
    kind = next(iter(cloud.resource_types.values()))
    form = {
        "name": "Production gateway",
        "credentialId": str(credential.id),
        "resourceType": kind.name,
        "resourceIdentifier": kind.identifier_example,
    }
    ports = {"config.ports": "443", "config.protocol": "tcp"} if kind.options else {}
    region = {"region": "eu-central-1"} if cloud.needs_region else {}
    return {**form, **ports, **region, **{name.replace("__", "."): text for name, text in more.items()}}


def only_resource() -> Resource:
    return Resource.select().get()


def seen(credential: Credential, **columns: Any) -> Resource:
    """A resource of the credential that a worker has seen, or will have been what `columns` make of it."""
    verdict = {"is_active": True, "verified_revision": 1, "seen_revision": 1}
    defaults = {"name": "Production gateway", "config": {"port": 443}}
    return make_resource(credential, **{**verdict, **defaults, **columns})


def path_of(resource: Resource, rest: str = "") -> str:
    return f"/resources/{resource.id}{rest}"


def static_rule_of(admin: Caller, resource: Resource, label: str) -> None:
    body = {"label": label, "ipAddress": "203.0.113.7", "resourceIds": [str(resource.id)]}
    assert admin.post("/static-ip-rules", json=body).status_code == 201


def listing_of(credential: Credential, *found: tuple[str, str, str], region: str = "eu-central-1") -> None:
    """What a worker has just seen through the credential: identifier, name, description."""
    kind = next(iter(CLOUDS[credential.provider].resource_types))
    columns = ("resource_identifier", "name", "description")
    targets = [{"resource_type": kind, "region": region, **dict(zip(columns, one, strict=True))} for one in found]
    with write():
        TargetListing.create(
            id=uuid.uuid4(),
            organisation_id=credential.organisation_id,
            credential_id=credential.id,
            region=region,
            targets=targets,
            listed_at=current_time(),
            seen_revision=1,
            wanted_revision=1,
        )


def filled(page: Any) -> dict[str, str]:
    """What a browser would send of the form on a page as it is."""
    fields = {}
    for tag in re.findall(r"<input [^>]+>", page.text):
        name, value = re.search(r' name="([^"]+)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and value:
            fields[name[1]] = value[1]
    for name, options in re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', page.text, re.DOTALL):
        values = re.findall(r'<option value="([^"]*)"( selected)?', options)
        fields[name] = next((value for value, is_chosen in values if is_chosen), values[0][0])
    return fields


NONSENSE = (
    {"config": "x"},
    {"config__ports__x": "80"},
    {"config__portRange": "80-90"},
    {"config__nonsense": "x"},
    {"config__ports": "9" * 5000},
    {"config__ports": " ".join(str(port) for port in range(1, 40))},
    {"name": "\0"},
    {"name__x": "x"},
    {"nonsense": "x"},
    {"resourceType": "FIREWALL"},
    {"resourceIdentifier__x": "x"},
    {"region__x": "x"},
    {"maxSessionMinutes": "9" * 5000},
    {"formKey": "blank blank"},
)
