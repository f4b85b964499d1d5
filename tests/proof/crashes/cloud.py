"""A cloud's stand-in as the deeds know it: which keys are good, which object is there, and what follows from that."""

from dataclasses import dataclass
from typing import Any

from tests.clouds.every_cloud import Clouds
from tests.clouds.gcp_standin import SECURITY_ADMIN

GOOD, OTHER = "good", "other"
"""Two keys of one account, which are accepted."""
WRONG = "wrong"
"""A key whose secret is another's."""

_REFUSALS = {
    "AWS": "SignatureDoesNotMatch",
    "GCP": "invalid_grant",
    "AZURE": "InvalidAuthenticationToken",
    "APISIX": "Unauthorized",
}


@dataclass(frozen=True, slots=True)
class Cloud:
    """new_credential, new_resource: what a request that adds one has beside its name and the key. keys: the
    `credentialData` of each kind of key. refusal: the code with which the wrong one is refused. gone: an object that is
    not there.
    """

    new_credential: dict[str, Any]
    new_resource: dict[str, Any]
    keys: dict[str, dict[str, str]]
    refusal: str
    gone: str

    @property
    def there(self) -> str:
        """An object that is there."""
        identifier: str = self.new_resource["resourceIdentifier"]
        return identifier

    def credential(self, kind: str, name: str) -> dict[str, Any]:
        """The body of a request that adds a credential."""
        return {**self.new_credential, "name": name, "credentialData": self.keys[kind]}

    def resource(self, credential_id: str, name: str) -> dict[str, Any]:
        """The body of a request that adds a resource."""
        return {**self.new_resource, "name": name, "credentialId": credential_id}

    def kind_of(self, data: dict[str, str]) -> str:
        return next(kind for kind, key in self.keys.items() if key == data)

    def refusal_of(self, data: dict[str, str]) -> str | None:
        """The code with which the cloud refuses this key; None where it accepts it."""
        return self.refusal if self.kind_of(data) == WRONG else None


def every_cloud_of(clouds: Clouds) -> dict[str, Cloud]:
    """Each cloud by its name, with an account and an object of its own."""
    examples = clouds.examples()
    good = {name: example.credential["credentialData"] for name, example in examples.items()}
    other = {
        "AWS": clouds.aws.user().credential_data,
        "GCP": clouds.gcp.credential_data(good["GCP"]["project_id"], SECURITY_ADMIN),
        "AZURE": clouds.azure.credential_data(),
        "APISIX": clouds.apisix.credential_data(),
    }
    wrong = {
        "AWS": good["AWS"] | {"secretAccessKey": "x" * 40},
        "GCP": clouds.gcp.with_another_key(good["GCP"]),
        "AZURE": good["AZURE"] | {"clientSecret": "not~the.right_secret"},
        "APISIX": good["APISIX"] | {"apiKey": "not-a-key-of-this-gateway"},
    }
    gone = {
        "AWS": "sg-0fffffffffffffff0",
        "GCP": "nowhere",
        "AZURE": clouds.azure.no_group(),
        "APISIX": "nowhere",
    }
    return {
        name: Cloud(
            example.credential,
            example.resource,
            {GOOD: good[name], OTHER: other[name], WRONG: wrong[name]},
            _REFUSALS[name],
            gone[name],
        )
        for name, example in examples.items()
    }
