"""The clouds' part of the reference: what each takes, needs and says, from their declarations."""

from api.clouds import CLOUDS, Cloud
from tools.reference.markdown import code, codes, table

_CLOUDS = """\
What `credentialData` and `config` hold for each `provider`, and what the codes mean that `verificationError` starts
with: they are the cloud's own. `GET /credentials/{credential_id}/policy` answers the least privilege in the cloud's
language.
"""


def clouds() -> str:
    """Every cloud: fields, resource types, permissions, errors."""
    return f"## Clouds\n\n{_CLOUDS}\n" + "\n".join(map(_cloud, CLOUDS.values()))


def _cloud(cloud: Cloud) -> str:
    fields = [(code(field.name), _nature(field.required, field.secret), field.help) for field in cloud.fields]
    kinds = [
        (code(kind.name), kind.identifier_help, code(kind.identifier_example), codes(kind.options))
        for kind in cloud.resource_types.values()
    ]
    region = "is required" if cloud.needs_region else "may be left out"
    return "\n".join(
        (
            f"### {cloud.name}: {cloud.label}\n",
            f"`credentialType` is `{cloud.credential_type}`; a resource's `region` {region}. "
            f"Permissions: {codes(cloud.permissions)}.\n",
            f"Least privilege: {cloud.policy_use}\n",
            table(("credentialData", "", ""), fields),
            table(("resourceType", "resourceIdentifier", "such as", "config"), kinds),
            table(("verificationError", "what it means"), [(code(name), hint) for name, hint in cloud.hints.items()]),
        )
    )


def _nature(required: bool, secret: bool) -> str:
    return ", ".join(word for word, holds in (("optional", not required), ("secret", secret)) if holds)
