"""What a request was answered to have done is done: what was made or changed is there so, what was deleted is gone."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from schemathesis import Case, CheckContext, Response

from tests.api.conftest import BASE
from tests.proof.live_objects import COLLECTIONS, LiveObjects

# A worker changes these by itself, and a key is shown once.
_OF_WORKERS = frozenset(
    {
        "account",
        "isActive",
        "isValid",
        "lastUsedAt",
        "lastVerifiedAt",
        "missingPermissions",
        "pendingUpdate",
        "plainTextKey",
        "resourceIps",
        "startedAt",
        "status",
        "updatedAt",
        "verificationError",
        "verifiedRevision",
        "verifiedSecretVersion",
    }
)


def deeds_are_done(live: LiveObjects, seen: Counter[str]) -> Callable[[CheckContext, Response, Case[Any]], None]:
    """A check of schemathesis, which reads the object after each success; `seen` counts them, as `DELETE users`."""

    def done(_: CheckContext, response: Response, case: Case[Any]) -> None:
        collection, *named = case.path.removeprefix(f"{BASE}/").split("/")
        method = case.method.upper()
        is_a_deed = (method in ("PATCH", "DELETE") and len(named) == 1) or (method == "POST" and not named)
        if not 200 <= response.status_code < 300 or collection not in COLLECTIONS.values() or not is_a_deed:
            return
        if method == "DELETE":
            left = live.read(collection, case.path_parameters[named[0].strip("{}")])
            if left is not None and left.get("deletingSince") is None:
                raise AssertionError("what was deleted is still there")
        if method != "DELETE":
            shown = response.json()
            _compare(shown, live.read(collection, shown["id"]))
        seen[f"{method} {collection}"] += 1

    done.__name__ = deeds_are_done.__name__
    return done


def _compare(answered: dict[str, Any], found: dict[str, Any] | None) -> None:
    if found is None:
        raise AssertionError("what was made is not there")
    different = [name for name in answered.keys() - _OF_WORKERS if found.get(name) != answered[name]]
    if different:
        raise AssertionError(f"another {', '.join(sorted(different))} than was answered")
