"""A cloud credential in a Pulumi program."""

import functools
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure

from pulumi_entryguard import secret
from pulumi_entryguard.credential_data import CredentialData, as_mapping
from pulumi_entryguard.declaration import ADOPT_ID, KNOWN_HERE, TEXT, Declared, Input, Kind
from pulumi_entryguard.errors import ApiError
from pulumi_entryguard.provider import EntryGuardProvider, Properties
from pulumi_entryguard.values import is_unknown, typed
from pulumi_entryguard.waiting import Verdict

CREDENTIAL = Kind(
    noun="credential",
    collection="credentials",
    sent_number="secretVersion",
    verified_number="verifiedSecretVersion",
    verify="verify?wait=true",
    inputs={
        "name": Input(TEXT, required=True, kept_as=typed),
        "provider": Input(TEXT, required=True, replaces=True),
        "credentialType": Input(TEXT, required=True, replaces=True),
        **KNOWN_HERE,
    },
    # The secret itself is not among them: it is in the inputs (encrypted) or, better, nowhere.
    other_inputs=(secret.DATA_ENV, secret.DATA_FILE, secret.DATA_VERSION),
    outputs=(
        "isValid",
        "lastVerifiedAt",
        "verificationError",
        "createdAt",
        "updatedAt",
        "missingPermissions",
        "account",
        "secretVersion",
        "verifiedSecretVersion",
        "pendingUpdate",
        "deletingSince",
        "revision",
    ),
    kept=(secret.DATA, secret.DIGEST, secret.WRITTEN_VERSION),
    secret=(secret.DATA, secret.DIGEST),
)


class CredentialProvider(EntryGuardProvider):
    """Looks after credentials. Its module and name are in the state of every stack: they stay as they are for ever."""

    kind = CREDENTIAL

    def judge(self, shown: Mapping[str, Any]) -> Verdict | None:
        """A new secret was refused, or the secret in use is good or bad."""
        name, pending = shown.get("name"), shown.get("pendingUpdate")
        if pending and pending.get("status") == "REJECTED":
            return Verdict(False, f'the new secret of credential "{name}" was refused: {pending.get("error")}')
        if pending or shown.get("isValid") is None:
            return None
        reason = shown.get("verificationError") or "no reason was given"
        return Verdict(bool(shown["isValid"]), f'credential "{name}" is invalid: {reason}')

    def failures(self, news: Properties) -> Iterator[CheckFailure]:
        """Beside the usual: the secret comes from one place."""
        yield from super().failures(news)
        # Pulumi quotes the value of the property that a failure is about: never the secret's own.
        given = [name for name in secret.SOURCES if news.get(name) is not None]
        if len(given) > 1 or not (given or news.get(ADOPT_ID)):
            wanted = "credential_data, credential_data_env and credential_data_file"
            yield CheckFailure("credentialType", f"needs exactly one of {wanted}; given: {', '.join(given) or 'none'}")
        for name, accepted in ((secret.DATA, dict), (secret.DATA_ENV, dict), (secret.DATA_FILE, str)):
            value = news.get(name)
            if value is not None and not is_unknown(value) and not isinstance(value, accepted):
                yield CheckFailure("credentialType", f"needs a {name} that is a {accepted.__name__}")

    def changes(self, olds: Properties, news: Properties) -> list[str]:
        """Beside the usual: the secret, by its digest, its source, or its version at the server."""
        changed = super().changes(olds, news)
        return [*changed, secret.DATA] if secret.secret_changed(olds, news) else changed

    def fields(self, news: Properties) -> Collection[str]:
        """Beside the usual: the secret."""
        return (*self.kind.sent, secret.DATA) if secret.source(news) else self.kind.sent

    def body(self, news: Properties, names: Collection[str]) -> Properties:
        """The secret is loaded here, late, and stays in the request's body."""
        plain = super().body(news, [name for name in names if name != secret.DATA])
        return {**plain, secret.DATA: secret.load(news)} if secret.DATA in names else plain

    def memory(
        self, olds: Properties, news: Properties, shown: Mapping[str, Any], sent: Mapping[str, Any]
    ) -> Properties:
        """By what a change of the secret is noticed, here or behind Pulumi's back."""
        if secret.DATA not in sent:
            return {name: olds.get(name) for name in (secret.DIGEST, secret.WRITTEN_VERSION)}
        by_value = secret.source(news) == secret.DATA
        return {
            secret.DIGEST: secret.digest(sent[secret.DATA]) if by_value else None,
            secret.WRITTEN_VERSION: shown.get("secretVersion"),
        }

    def brings_verdict(self, sent: Mapping[str, Any]) -> bool:
        """A new name changes nothing about the secret."""
        return secret.DATA in sent

    def proof(self, news: Properties) -> Collection[str]:
        """A secret that is sent again is verified by itself; without one, the API is asked to look at its own."""
        return (secret.DATA,) if secret.source(news) else ()

    def masked(self, error: ApiError, body: Mapping[str, Any] | None) -> ApiError:
        """Should the API ever quote what it was sent, Pulumi does not."""
        hidden = [*secret.secret_values((body or {}).get(secret.DATA))]
        if not hidden:
            return error

        def mask(text: str) -> str:
            return functools.reduce(lambda left, value: left.replace(value, "[secret]"), hidden, text)

        details = {field: [*map(mask, said)] for field, said in error.details.items()}
        return type(error)(error.status, error.code, mask(error.message), details, error.request_id)


class Credential(Declared, module="entryguard", name="Credential"):
    """A cloud credential that EntryGuard opens and closes a network with.

    By default it is waited for until EntryGuard has verified it. A bad one fails `pulumi up` with the cloud's reason;
    it is kept in the state, and the next `up` mends it.

    Arguments:
    `resource_name`: its name in the Pulumi program; `name`: its name in EntryGuard.
    `provider` and `credential_type`: AWS with ACCESS_KEY, GCP with SERVICE_ACCOUNT, AZURE with SERVICE_PRINCIPAL,
    APISIX with API_KEY. A change of either makes a new credential.
    The secret comes from exactly one of `credential_data` (a typed form or a mapping; made a Pulumi secret, so the
    state holds it encrypted), `credential_data_env` (for each field the name of an environment variable, read
    where the provider runs: the secret is nowhere in the state) and `credential_data_file` (the path of a JSON
    file, likewise). With the latter two a change is noticed only by `credential_data_version`: raise it.
    `require_valid`: wait for the verdict, and fail if it is bad. `verification_timeout`: seconds for that, 120 if
    left out. `force_delete`: end sessions and remove rules instead of refusing to be deleted.
    `adopt_id`: take over the credential with this id instead of making one; take the argument out afterwards.

    Outputs: `name`, `provider`, `credential_type`, `is_valid` (None before the first verdict), `verification_error`
    (starts with the cloud's own code), `missing_permissions`, `account` (the cloud account it belongs to),
    `last_verified_at`, `created_at`, `updated_at` (UTC, ISO 8601), `secret_version` and `verified_secret_version`
    (the newest secret that was sent, and the newest that was judged), `pending_update` (a new secret that is being
    verified or was refused), `deleting_since`, `revision`.
    """

    kind = CREDENTIAL

    name: pulumi.Output[str] = pulumi.property("name")
    provider: pulumi.Output[str] = pulumi.property("provider")
    credential_type: pulumi.Output[str] = pulumi.property("credentialType")
    is_valid: pulumi.Output[bool | None] = pulumi.property("isValid")
    last_verified_at: pulumi.Output[str | None] = pulumi.property("lastVerifiedAt")
    verification_error: pulumi.Output[str | None] = pulumi.property("verificationError")
    created_at: pulumi.Output[str] = pulumi.property("createdAt")
    updated_at: pulumi.Output[str] = pulumi.property("updatedAt")
    missing_permissions: pulumi.Output[list[str] | None] = pulumi.property("missingPermissions")
    account: pulumi.Output[str | None] = pulumi.property("account")
    secret_version: pulumi.Output[int] = pulumi.property("secretVersion")
    verified_secret_version: pulumi.Output[int | None] = pulumi.property("verifiedSecretVersion")
    pending_update: pulumi.Output[dict[str, Any] | None] = pulumi.property("pendingUpdate")
    deleting_since: pulumi.Output[str | None] = pulumi.property("deletingSince")
    revision: pulumi.Output[int] = pulumi.property("revision")

    def __init__(  # noqa: PLR0913  what can be declared is as much as the API takes
        self,
        resource_name: str,
        *,
        name: pulumi.Input[str],
        provider: pulumi.Input[str],
        credential_type: pulumi.Input[str],
        credential_data: CredentialData | pulumi.Input[Mapping[str, pulumi.Input[Any]]] | None = None,
        credential_data_env: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        credential_data_file: pulumi.Input[str] | None = None,
        credential_data_version: pulumi.Input[int] | None = None,
        require_valid: pulumi.Input[bool] = True,
        verification_timeout: pulumi.Input[float] | None = None,
        force_delete: pulumi.Input[bool] = False,
        adopt_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a credential; see the class for what each argument means."""
        if credential_data is not None:
            data = as_mapping(credential_data) if isinstance(credential_data, CredentialData) else credential_data
            credential_data = pulumi.Output.secret(data)
        inputs = {
            "name": name,
            "provider": provider,
            "credential_type": credential_type,
            "credential_data": credential_data,
            "credential_data_env": credential_data_env,
            "credential_data_file": credential_data_file,
            "credential_data_version": credential_data_version,
            "require_valid": require_valid,
            "verification_timeout": verification_timeout,
            "force_delete": force_delete,
            "adopt_id": adopt_id,
        }
        super().__init__(CredentialProvider(), resource_name, inputs, opts)
