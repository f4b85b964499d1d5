"""All deeds by name: each module of them adds its own when it is imported."""

from tests.proof.crashes import (
    account_deeds,
    cloud_deeds,
    command_deeds,
    ending_deeds,
    rule_deeds,
    session_deeds,
    static_rule_deeds,
    worker_deeds,
)
from tests.proof.crashes.deed import DEEDS

MODULES = (
    account_deeds,
    cloud_deeds,
    worker_deeds,
    command_deeds,
    session_deeds,
    rule_deeds,
    static_rule_deeds,
    ending_deeds,
)

__all__ = ["DEEDS", "MODULES"]
