"""The shapes of the credentials' requests and answers (docs/create-credential.txt, docs/get-credential.txt)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import fields, validate

from api.clouds import CLOUDS
from api.clouds.base import Cloud
from api.clouds.derive import credential_component
from api.credentials.models import Credential
from api.credentials.service import ChangedCredentialFields, NewCredentialFields
from api.schemas import Body, Moment, Switch, Text, Whole

_EXAMPLE_TIME = "2026-02-18T10:00:00Z"


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """How a change is to be made and answered."""

    wait: bool = False
    verify: bool = True


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How a verification is to be answered."""

    wait: bool = False


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """Whether sessions may be ended for it."""

    force: bool = False


def _name(**options: Any) -> Text:
    return Text(
        validate=validate.Length(1, 255),
        metadata={"description": "Human-readable credential name", "example": "AWS Production Account"},
        **options,
    )


def _data(**options: Any) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        error_messages={"invalid": "Must be a JSON object."},
        metadata={
            "description": "The provider's own fields. Sealed at once, and never shown again.",
            "example": _example_data(CLOUDS["AWS"]),
            "oneOf": [{"$ref": f"#/components/schemas/{credential_component(cloud)[0]}"} for cloud in CLOUDS.values()],
            "writeOnly": True,
        },
        **options,
    )


def _example_data(cloud: Cloud) -> dict[str, str]:
    return {field.name: field.example for field in cloud.fields}


NEW_CREDENTIALS = {
    cloud.name: {
        "summary": cloud.label,
        "value": {
            "name": f"{cloud.label} production",
            "provider": cloud.name,
            "credentialType": cloud.credential_type,
            "credentialData": _example_data(cloud),
        },
    }
    for cloud in CLOUDS.values()
}
"""A request for each cloud, for the documentation."""


class NewCredential(Body):
    """A credential to add."""

    target: ClassVar[type] = NewCredentialFields

    name = _name(required=True)
    provider = fields.String(
        required=True,
        validate=validate.OneOf(list(CLOUDS)),
        metadata={"description": "Cloud provider", "example": "AWS"},
    )
    credential_type = fields.String(
        required=True,
        validate=validate.OneOf([cloud.credential_type for cloud in CLOUDS.values()]),
        metadata={"description": "Type of credential; each provider has one", "example": "ACCESS_KEY"},
    )
    credential_data = _data(required=True)


class ChangedCredential(Body):
    """What to change; a key that is left out stays."""

    target: ClassVar[type] = ChangedCredentialFields

    name = _name()
    credential_data = _data()


class ChangeParameters(Body):
    """Beside a PATCH."""

    target: ClassVar[type] = ChangeOptions

    wait = Switch(metadata={"description": "Answer when the new secret is verified, 30 s at most"})
    verify = Switch(metadata={"description": "`false` puts the new secret in place at once, unverified"})


class VerifyParameters(Body):
    """Beside a request to verify."""

    target: ClassVar[type] = VerifyOptions

    wait = Switch(metadata={"description": "Answer when the verdict is there, 30 s at most"})


class DeleteParameters(Body):
    """Beside a DELETE."""

    target: ClassVar[type] = DeleteOptions

    force = Switch(metadata={"description": "End the sessions that stand in the way, too"})


class PendingUpdate(Body):
    """A new secret that waits beside the one that serves, or why it was turned down."""

    status = fields.String(metadata={"description": "VERIFYING or REJECTED", "example": "VERIFYING"})
    error = fields.String(allow_none=True, metadata={"description": "Why it was rejected; null while it is verified"})
    since = Moment(metadata={"description": "Since when", "example": _EXAMPLE_TIME})


class ShownCredential(Body):
    """A credential without its secret, and the last verdict about it."""

    id = fields.UUID(
        metadata={"description": "Unique credential identifier", "example": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}
    )
    name = fields.String(
        metadata={"description": "Human-readable credential name", "example": "AWS Production Account"}
    )
    provider = fields.String(metadata={"description": "Cloud provider: AWS, GCP, AZURE or APISIX", "example": "AWS"})
    credential_type = fields.String(metadata={"description": "Type of credential", "example": "ACCESS_KEY"})
    is_valid = fields.Boolean(
        allow_none=True,
        metadata={"description": "Whether the last verification succeeded; null before the first", "example": True},
    )
    last_verified_at = Moment(
        allow_none=True, metadata={"description": "When the last verdict came", "example": _EXAMPLE_TIME}
    )
    verification_error = fields.String(
        allow_none=True, metadata={"description": "Why the last verification failed, the cloud's code first"}
    )
    created_at = Moment(metadata={"description": "When it was created", "example": "2026-01-10T09:00:00Z"})
    updated_at = Moment(metadata={"description": "When it last changed, verdicts included", "example": _EXAMPLE_TIME})
    missing_permissions = fields.List(
        fields.String(),
        allow_none=True,
        metadata={"description": "Permissions known to be missing; null before the first verification", "example": []},
    )
    account = fields.String(
        allow_none=True,
        metadata={
            "description": "The cloud account that it belongs to; of APISIX the gateway, as host, port and path",
            "example": "123456789012",
        },
    )
    secret_version = Whole(metadata={"description": "Number of the newest secret that was sent", "example": 1})
    verified_secret_version = Whole(
        allow_none=True, metadata={"description": "The newest secret that a verdict is about", "example": 1}
    )
    pending_update = fields.Nested(
        PendingUpdate,
        allow_none=True,
        metadata={"description": "A new secret that is not in place; else null", "example": None},
    )
    deleting_since = Moment(allow_none=True, metadata={"description": "Since when it is being deleted; else null"})
    revision = Whole(metadata={"description": "Moves with every change that a caller makes", "example": 1})

    def get_attribute(self, obj: Credential, attr: str, default: Any) -> Any:
        if attr != "pending_update":
            return super().get_attribute(obj, attr, default)
        if obj.candidate_status is None:
            return None
        return {"status": obj.candidate_status, "error": obj.candidate_error, "since": obj.candidate_since}


class TargetParameters(Body):
    """Where to look."""

    region = Text(
        validate=validate.Length(1, 64),
        metadata={"description": "Cloud region, such as eu-central-1; required for AWS"},
    )


class ShownTarget(Body):
    """An object in the cloud that a resource can be made of."""

    resource_type = fields.String(metadata={"description": "Type of resource", "example": "SECURITY_GROUP"})
    resource_identifier = fields.String(metadata={"description": "The cloud's id", "example": "sg-0abc123def456"})
    name = fields.String(metadata={"description": "What the cloud calls it", "example": "web"})
    description = fields.String(metadata={"description": "What the cloud says of it", "example": "Public web servers"})
    region = fields.String(allow_none=True, metadata={"description": "Cloud region", "example": "eu-central-1"})
