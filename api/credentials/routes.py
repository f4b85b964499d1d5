"""/credentials: what an administrator does with cloud credentials."""

from collections.abc import Sequence
from typing import Any

from flask.views import MethodView

from api import idempotency
from api.access import current_actor, requires
from api.conditional import etag
from api.credentials import service
from api.credentials.listing import visible
from api.credentials.models import Credential
from api.credentials.schemas import (
    NEW_CREDENTIALS,
    ChangedCredential,
    ChangeOptions,
    ChangeParameters,
    DeleteOptions,
    DeleteParameters,
    NewCredential,
    ShownCredential,
    ShownTarget,
    TargetParameters,
    VerifyOptions,
    VerifyParameters,
)
from api.errors import (
    Conflict,
    CredentialInUse,
    CredentialNotFound,
    EntryGuardError,
    StaleObject,
    Unavailable,
    UnsafeUrl,
    VerificationFailed,
)
from api.identifiers import parse
from api.lifecycle.deleting import delete_credential, delete_credential_by_force
from api.lifecycle.policy import policy_of
from api.paging import Page, PageArguments
from api.room import Room
from api.server import current_server

room = Room("credentials", __name__, description="Cloud credentials: how EntryGuard reaches a cloud")
ROOMS = ((room, "/credentials"),)

_EXAMPLE_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
_NOT_FOUND = CredentialNotFound(_EXAMPLE_ID)
_UNSAFE = UnsafeUrl("credentialData.token_uri must be https://oauth2.googleapis.com/token.")
_IN_USE = CredentialInUse("session 3d3c1b1e-6f0a-4c3b-9f0e-2f6f1c9f4a51 of Ana Horvat and static rule Office")
_BEING_DELETED = Conflict(service.BEING_DELETED)
_FAILED = VerificationFailed("SignatureDoesNotMatch: the secret access key does not belong to the access key id")
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["ec2:DescribeSecurityGroups"], "Resource": "*"}],
}

Shown = tuple[Credential, dict[str, str]]


@room.route("")
class Credentials(MethodView):
    @requires("credentials:read")
    @room.arguments(PageArguments, location="query")
    @room.response(200, ShownCredential(many=True))
    def get(self, page: Page) -> tuple[Sequence[Credential], dict[str, str]]:
        """List credentials

        All cloud credentials of your organization, oldest first. Secrets are never returned.
        """
        listing = service.listed(current_actor().organisation, page)
        return listing.rows, listing.headers()

    @requires("credentials:write")
    @room.arguments(NewCredential, examples=NEW_CREDENTIALS)
    @room.idempotent
    @room.response(201, ShownCredential)
    @room.raises(_UNSAFE)
    def post(self, wanted: service.NewCredentialFields) -> Shown:
        """Create credential

        The credential is encrypted with AES-256-GCM and verified from here on: read it a few seconds later to see
        `isValid`. What each provider's `credentialData` holds is told with the schema.
        """
        actor = current_actor()
        credential = idempotency.once(
            idempotency.asked(actor),
            lambda credential_id: service.create(actor, wanted, current_server(), credential_id),
            lambda credential_id: service.of(actor.organisation, credential_id),
        )
        return _shown(credential)


@room.route("/<credential_id>")
class CredentialById(MethodView):
    @requires("credentials:read")
    @room.response(200, ShownCredential)
    @room.raises(_NOT_FOUND)
    def get(self, credential_id: str) -> Shown:
        """Get credential

        Details and verification status of one credential. Secrets are never returned.
        """
        return _shown(service.of(current_actor().organisation, parse(credential_id, CredentialNotFound)))

    @requires("credentials:write")
    @room.arguments(ChangedCredential)
    @room.arguments(ChangeParameters, location="query")
    @room.response(200, ShownCredential)
    @room.raises(_NOT_FOUND, _UNSAFE, _FAILED, _BEING_DELETED, StaleObject())
    def patch(self, wanted: service.ChangedCredentialFields, options: ChangeOptions, credential_id: str) -> Shown:
        """Change credential

        Renames it, or rotates its secret: the new one is verified beside the old one, which serves until the new one
        is found valid. `pendingUpdate` tells how that stands. A new secret that is rejected is destroyed.
        """
        actor = current_actor()
        changed = service.change(
            actor,
            parse(credential_id, CredentialNotFound),
            wanted,
            current_server(),
            verify_first=options.verify,
        )
        if not options.wait or wanted.credential_data is None:
            return _shown(changed)
        decided = _after_verdict(changed)
        if decided.candidate_status == service.REJECTED:
            raise _rejection(decided.candidate_error or "")
        # While the new secret waits, the verdict is about the old one.
        if decided.candidate_status is None and decided.is_valid is False:
            raise VerificationFailed(decided.verification_error)
        return _shown(decided)

    @requires("credentials:write")
    @room.arguments(DeleteParameters, location="query")
    @room.response(204)
    @room.alt_response(202, schema=ShownCredential, success=True, description="It is being deleted (`force=true`)")
    @room.raises(_NOT_FOUND, _IN_USE, _BEING_DELETED, StaleObject())
    def delete(self, options: DeleteOptions, credential_id: str) -> Any:
        """Delete credential

        Deletes the credential, its secret and all cloud resources associated with it. Refused while sessions or static
        rules have rules there. `force=true` ends those, and answers the credential with `deletingSince`; it is gone
        when none is left.
        """
        actor, which = current_actor(), parse(credential_id, CredentialNotFound)
        if options.force:
            return ShownCredential().dump(delete_credential_by_force(actor, which)), 202
        delete_credential(actor, which)
        return None, 204


@room.route("/<credential_id>/verify")
class Verification(MethodView):
    @requires("credentials:write")
    @room.arguments(VerifyParameters, location="query")
    @room.response(202, ShownCredential)
    @room.alt_response(200, schema=ShownCredential, success=True, description="The verdict is there (`wait=true`)")
    @room.raises(_NOT_FOUND)
    def post(self, options: VerifyOptions, credential_id: str) -> Any:
        """Verify credential

        Has the credential verified now, and then those of its resources that the cloud refused. With `wait=true` the
        answer comes with the credential's verdict, 30 s at most.
        """
        credential = service.ask_verification(current_actor(), parse(credential_id, CredentialNotFound))
        if not options.wait:
            return credential, 202, etag(credential.revision)
        decided = _after_verdict(credential)
        return decided, 200 if decided.seen_revision >= credential.wanted_revision else 202, etag(decided.revision)


@room.route("/<credential_id>/policy")
class Policy(MethodView):
    @requires("credentials:read")
    @room.response(200, description="A policy document in the cloud's own language")
    @room.doc(responses={200: {"content": {"application/json": {"schema": {"type": "object"}, "example": _POLICY}}}})
    @room.raises(_NOT_FOUND)
    def get(self, credential_id: str) -> dict[str, object]:
        """Show least privilege

        The permissions that this credential's resources need and nothing more, in the cloud's own policy language.
        """
        actor = current_actor()
        return policy_of(service.of(actor.organisation, parse(credential_id, CredentialNotFound)))


@room.route("/<credential_id>/targets")
class Targets(MethodView):
    @requires("credentials:read")
    @room.arguments(TargetParameters, location="query")
    @room.response(200, ShownTarget(many=True))
    @room.raises(_NOT_FOUND, _FAILED, Unavailable())
    def get(self, where: dict[str, str], credential_id: str) -> list[dict[str, Any]]:
        """List what the credential can see

        Security groups, networks, network security groups or routes, to make a resource of. Asked of the cloud, and
        good for a minute.
        """
        actor = current_actor()
        credential = service.of(actor.organisation, parse(credential_id, CredentialNotFound))
        return visible(credential, where.get("region"), current_server().waiting_room)


def _shown(credential: Credential) -> Shown:
    return credential, etag(credential.revision)


def _rejection(reason: str) -> EntryGuardError:
    return Conflict(reason) if reason.startswith(service.OTHER_ACCOUNT) else VerificationFailed(reason)


def _after_verdict(credential: Credential) -> Credential:
    """The credential as it is when the verdict has come, or when waiting for it ended."""
    current_server().waiting_room.until_seen(credential)
    return service.of(credential.organisation_id, credential.id)
