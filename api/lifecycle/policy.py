"""The least privilege that a credential needs."""

from api.clouds import CLOUDS
from api.credentials.models import Credential
from api.lifecycle.targets import targets_of


def policy_of(credential: Credential) -> dict[str, object]:
    """The policy for the objects that the credential's resources name, in the cloud's own language."""
    return CLOUDS[credential.provider].policy(targets_of(credential.id), credential.account)
