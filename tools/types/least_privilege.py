"""The least privilege in the Pulumi package, whose command `entryguard policy` works before there is a server."""

import json
from collections.abc import Sequence

from api.clouds import CLOUDS, Cloud


def written(clouds: Sequence[Cloud] = tuple(CLOUDS.values())) -> str:
    """pulumi_entryguard/least_privilege.json: for each cloud a policy for every object, and what to do with it."""
    policies = {cloud.name: {"use": cloud.policy_use, "policy": cloud.policy(())} for cloud in clouds}
    return json.dumps(policies, indent=2) + "\n"
