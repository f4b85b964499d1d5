"""What the errors of AWS mean to EntryGuard."""

import re
from collections.abc import Mapping
from typing import Any

from api.clouds.aws import Aws
from api.clouds.base import Full, Refused, Throttled, Unreachable

# Codes that say nothing about the key: AWS is busy or ailing, or this machine is.
_NO_VERDICT = {
    "InternalError",
    "InternalFailure",
    "PendingVerification",
    "PriorRequestNotComplete",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "ServiceUnavailable",
    "Unavailable",
}
_THROTTLED = {"RequestLimitExceeded", "TooManyRequestsException"}
# How a SignatureDoesNotMatch begins that is about the time, not about the key.
_CLOCK_DIFFERS = ("Signature expired", "Signature not yet current")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")


def failure_of(service: str, operation: str, answer: Mapping[str, Any]) -> Refused | Unreachable:
    """What an error of AWS means: for good, or for now. `answer` is what botocore made of it.

    Only the code is handed on: the text may hold a key's id, an encoded policy, a request's id.
    """
    code = str(answer.get("Error", {}).get("Code", ""))
    failure = _for_now(code, answer)
    if failure:
        return failure
    if service == "ec2" and code in ("UnauthorizedOperation", "AccessDenied"):
        return lacking({f"ec2:{''.join(word.title() for word in operation.split('_'))}"})
    return refusal_by(code)


def _for_now(code: str, answer: Mapping[str, Any]) -> Unreachable | None:
    """The failure, if it says nothing about the key and what it asked for."""
    text = str(answer.get("Error", {}).get("Message", ""))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status == 429 or code in _THROTTLED or "Throttl" in code:
        return Throttled(f"AWS asks to be asked less often ({code[:64]})")
    if status >= 500 or code in _NO_VERDICT:
        return Unreachable(f"AWS asks to come back later ({code[:64]})")
    if text.startswith(_CLOCK_DIFFERS):
        return Unreachable("this machine's clock differs from that of AWS")
    if not _CODE.fullmatch(code):
        return Unreachable(f"something answered that is not AWS (HTTP {status})")
    return None


def lacking(missing: set[str]) -> Refused:
    """Permissions are missing: they are named in the order in which they are declared."""
    named = tuple(permission for permission in Aws.permissions if permission in missing)
    return Refused("UnauthorizedOperation", f"missing {', '.join(named)}", named)


def refusal_by(code: str) -> Refused:
    """A refusal by its code, with our sentence about it."""
    kind = Full if code == "RulesPerSecurityGroupLimitExceeded" else Refused
    return kind(code, Aws.hints.get(code, "AWS refuses this"))
