"""A cloud resource that sessions open, in a Pulumi program."""

from collections.abc import Mapping
from typing import Any

import pulumi

from pulumi_entryguard.declaration import KNOWN_HERE, NUMBER, TEXT, Declared, Input, Kind
from pulumi_entryguard.provider import EntryGuardProvider
from pulumi_entryguard.values import plain, typed
from pulumi_entryguard.waiting import Verdict

RESOURCE = Kind(
    noun="resource",
    collection="resources",
    sent_number="revision",
    verified_number="verifiedRevision",
    verify="verify",
    inputs={
        "name": Input(TEXT, required=True, kept_as=typed),
        "credentialId": Input(TEXT, required=True, kept_as=str.lower),
        "provider": Input(TEXT, required=True, replaces=True),
        "resourceType": Input(TEXT, required=True, replaces=True),
        "resourceIdentifier": Input(TEXT, required=True, kept_as=typed),
        "region": Input(TEXT, kept_as=typed),
        "config": Input((dict,)),
        "maxSessionMinutes": Input(NUMBER),
        **KNOWN_HERE,
    },
    outputs=(
        "credentialName",
        "isActive",
        "lastVerifiedAt",
        "verificationError",
        "createdAt",
        "updatedAt",
        "deletingSince",
        "revision",
        "verifiedRevision",
    ),
)


class ResourceProvider(EntryGuardProvider):
    """Looks after resources. Its module and name are in the state of every stack: they stay as they are for ever."""

    kind = RESOURCE

    def judge(self, shown: Mapping[str, Any]) -> Verdict | None:
        """A resource is active, or something keeps it from being so."""
        if shown.get("verifiedRevision") is None:
            return None
        reason = shown.get("verificationError") or "no reason was given"
        return Verdict(bool(shown.get("isActive")), f'resource "{shown.get("name")}" is not active: {reason}')


class Resource(Declared, module="entryguard", name="Resource"):
    """A security group, firewall, network security group or gateway route that sessions are opened on.

    By default it is waited for until EntryGuard has found it in the cloud. If it can't be used, `pulumi up` fails with
    the cloud's reason; it is kept in the state, and the next `up` mends it.

    Arguments:
    `resource_name`: its name in the Pulumi program; `name`: its name in EntryGuard.
    `credential_id`: the id of the credential that opens it.
    `provider`, `resource_type`, `resource_identifier`: AWS with SECURITY_GROUP and `sg-…`, GCP with FIREWALL and
    the network's name, AZURE with NETWORK_SECURITY_GROUP and the ARM id, APISIX with GATEWAY_ROUTE and the route's
    id. A change of one of the first two makes a new resource.
    `region`: required for AWS. `config`: `port`, `ports` or `portRange` {from, to}, and `protocol` (tcp, udp, icmp,
    all); keys as the API has them.
    `max_session_minutes`: the longest session on it.
    `require_valid`: wait until it is active, and fail if it can't be. `verification_timeout`: seconds for that, 120
    if left out. `force_delete`: end sessions and remove rules instead of refusing to be deleted.
    `adopt_id`: take over the resource with this id instead of making one; take the argument out afterwards.

    Outputs: the inputs that EntryGuard holds, `credential_name`, `is_active`, `verification_error`,
    `last_verified_at`, `created_at`, `updated_at` (UTC, ISO 8601), `deleting_since`, `revision` and
    `verified_revision` (the newest change, and the newest that was verified).
    """

    kind = RESOURCE

    name: pulumi.Output[str] = pulumi.property("name")
    credential_id: pulumi.Output[str] = pulumi.property("credentialId")
    credential_name: pulumi.Output[str] = pulumi.property("credentialName")
    provider: pulumi.Output[str] = pulumi.property("provider")
    resource_type: pulumi.Output[str] = pulumi.property("resourceType")
    resource_identifier: pulumi.Output[str] = pulumi.property("resourceIdentifier")
    region: pulumi.Output[str | None] = pulumi.property("region")
    config: pulumi.Output[dict[str, Any] | None] = pulumi.property("config")
    max_session_minutes: pulumi.Output[int | None] = pulumi.property("maxSessionMinutes")
    is_active: pulumi.Output[bool] = pulumi.property("isActive")
    last_verified_at: pulumi.Output[str | None] = pulumi.property("lastVerifiedAt")
    verification_error: pulumi.Output[str | None] = pulumi.property("verificationError")
    created_at: pulumi.Output[str] = pulumi.property("createdAt")
    updated_at: pulumi.Output[str] = pulumi.property("updatedAt")
    deleting_since: pulumi.Output[str | None] = pulumi.property("deletingSince")
    revision: pulumi.Output[int] = pulumi.property("revision")
    verified_revision: pulumi.Output[int | None] = pulumi.property("verifiedRevision")

    def __init__(  # noqa: PLR0913  what can be declared is as much as the API takes
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str],
        credential_id: pulumi.Input[str],
        provider: pulumi.Input[str],
        resource_type: pulumi.Input[str],
        resource_identifier: pulumi.Input[str],
        region: pulumi.Input[str] | None = None,
        config: pulumi.Input[Mapping[str, pulumi.Input[Any]]] | None = None,
        max_session_minutes: pulumi.Input[int] | None = None,
        require_valid: pulumi.Input[bool] = True,
        verification_timeout: pulumi.Input[float] | None = None,
        force_delete: pulumi.Input[bool] = False,
        adopt_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a resource; see the class for what each argument means."""
        inputs = {
            "name": name,
            "credential_id": credential_id,
            "provider": provider,
            "resource_type": resource_type,
            "resource_identifier": resource_identifier,
            "region": region,
            "config": config,
            "max_session_minutes": max_session_minutes,
            "require_valid": require_valid,
            "verification_timeout": verification_timeout,
            "force_delete": force_delete,
            "adopt_id": adopt_id,
        }
        super().__init__(ResourceProvider(), resource_name, inputs, opts)
        self.config = self.config.apply(plain)
