"""The AWS stand-in as the deeds know it: which keys are good, which groups are there, and what follows from that."""

from dataclasses import dataclass
from typing import Any

from tests.clouds.aws_standin import REGION, AwsStandIn

WRONG = "wrong"
"""A key whose secret is another's."""
UNKNOWN = "unknown"
"""A key that nobody has; the cloud may refuse one that it has just made in the same words."""
GONE = "sg-0fffffffffffffff0"
"""A security group that is not there."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """keys: the `credentialData` of each kind of key. group: a security group that is there."""

    endpoint: str
    keys: dict[str, dict[str, str]]
    group: str

    @classmethod
    def of(cls, aws: AwsStandIn) -> "Cloud":
        """A user with two good keys, and a group."""
        good = aws.user()
        other = aws.another_key(good.user)
        wrong = {**good.credential_data, "secretAccessKey": "x" * 40}
        unknown = {**good.credential_data, "accessKeyId": "AKIAUNKNOWNUNKNOWN00"}
        keys = {"good": good.credential_data, "other": other.credential_data, WRONG: wrong, UNKNOWN: unknown}
        return cls(aws.endpoint, keys, aws.security_group())

    def credential(self, kind: str, name: str) -> dict[str, Any]:
        """The body of a request that adds a credential."""
        return {
            "name": name,
            "provider": "AWS",
            "credentialType": "ACCESS_KEY",
            "credentialData": self.keys[kind],
        }

    def resource(self, credential_id: str, name: str) -> dict[str, Any]:
        """The body of a request that adds a resource."""
        return {
            "name": name,
            "credentialId": credential_id,
            "provider": "AWS",
            "resourceType": "SECURITY_GROUP",
            "resourceIdentifier": self.group,
            "region": REGION,
        }

    def refusal_of(self, data: dict[str, str]) -> str | None:
        """The code with which the cloud refuses this key; None where it accepts it."""
        kind = next(kind for kind, key in self.keys.items() if key == data)
        return {WRONG: "SignatureDoesNotMatch", UNKNOWN: "InvalidClientTokenId"}.get(kind)
