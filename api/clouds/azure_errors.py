"""What the errors of Azure mean to EntryGuard: of Resource Manager, and of Entra, which gives the tokens."""

import json
import re
from typing import Any

from api.clouds.azure import Azure
from api.clouds.base import Full, Refused, Throttled, Unreachable

# Codes that say nothing about the credential and what it asked for: Azure is busy or ailing, or this machine is.
_NO_VERDICT = {
    "ExpiredAuthenticationToken",
    "GatewayTimeout",
    "InternalServerError",
    "OperationTimedOut",
    "ReferencedResourceNotProvisioned",
    "ServerTimeout",
    "ServiceUnavailable",
}
# Azure does one change of a network security group at a time, and wants the others to come back.
_THROTTLED = {
    "AnotherOperationInProgress",
    "Canceled",
    "CanceledAndSupersededDueToAnotherOperation",
    "OperationNotAllowedOnUpdatingResource",
    "OperationPreempted",
    "RetryableError",
    "RetryableErrorDueToAnotherOperation",
    "SubscriptionRequestsThrottled",
    "TooManyRequests",
}
_FULL = {"NoFreePriority", "SecurityRuleCountLimitReached"}
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")
_ENTRA_CODE = re.compile(r"AADSTS(\d{1,8})\b")

# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_SECRET = Azure.hints["InvalidAuthenticationToken"]
_APPLICATION = "Client ID isn't that of an application in the tenant"
_DISABLED = "Application is disabled in the tenant"
_TENANT = "Tenant ID isn't that of a tenant"
_REFUSED_LOGINS = {
    7000215: _SECRET,
    7000222: _SECRET,
    7000216: _SECRET,
    700016: _APPLICATION,
    700038: _APPLICATION,
    7000229: _APPLICATION,
    7000112: _DISABLED,
    90002: _TENANT,
    900021: _TENANT,
    900023: _TENANT,
}
_CONDITIONAL_ACCESS = {50072, 50074, 50076, 50079, 50158, 53000, 53001, 53002, 53003, 53004, 53009, 530032, 530035}
_ENTRA_AILS = {50049, 90006, 90012, 90033, 1002016}
_ENTRA_THROTTLES = {90024, 90055, 50196}


def failure_of(status: int, text: str) -> Refused | Unreachable:
    """What an error of Resource Manager means: for good, or for now.

    Only the code is handed on, and which of our permissions it names: the text holds ids of persons and of calls.
    """
    code = _code(text)
    if status == 429 or code in _THROTTLED:
        return Throttled(f"Azure asks to come back later ({code[:64]})")
    if status >= 500 or status == 408 or code in _NO_VERDICT:
        return Unreachable(f"Azure asks to come back later ({code[:64]})")
    if not _CODE.fullmatch(code):
        return _stranger(status)
    if code == "AuthorizationFailed":
        return lacking({permission for permission in Azure.permissions if f"'{permission.lower()}'" in text.lower()})
    return refusal_by(code)


def login_failure_of(status: int, text: str) -> Refused | Unreachable:
    """What an answer of Entra means that brought no token."""
    found = _ENTRA_CODE.search(text)
    number = int(found[1]) if found else 0
    if status == 429 or number in _ENTRA_THROTTLES:
        return Throttled("Microsoft Entra asks to be asked less often")
    if status >= 500 or number in _ENTRA_AILS:
        return Unreachable(f"Microsoft Entra asks to come back later (HTTP {status})")
    if not number:
        return _stranger(status)
    if number in _CONDITIONAL_ACCESS:
        return refusal_by("ConditionalAccess")
    if number in _REFUSED_LOGINS:
        return Refused("InvalidAuthenticationToken", _REFUSED_LOGINS[number])
    return Refused(f"AADSTS{number}", "Microsoft Entra refuses the service principal")


def lacking(missing: set[str]) -> Refused:
    """Permissions are missing: they are named in the order in which they are declared."""
    named = tuple(permission for permission in Azure.permissions if permission in missing)
    said = f"missing {', '.join(named)}" if named else Azure.hints["AuthorizationFailed"]
    return Refused("AuthorizationFailed", said, named)


def refusal_by(code: str) -> Refused:
    """A refusal by its code, with our sentence about it."""
    kind = Full if code in _FULL else Refused
    return kind(code, Azure.hints.get(code, "Azure refuses this"))


def _code(text: str) -> str:
    """The code in an error's body, which also stands for an operation that has failed; empty where there is none."""
    try:
        body: Any = json.loads(text)
        return str(body["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return ""


def _stranger(status: int) -> Unreachable:
    return Unreachable(f"something answered that is not Azure (HTTP {status})")
