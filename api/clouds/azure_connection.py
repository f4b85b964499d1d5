"""Asking Azure: service principals are proved by Entra, what they may do by Resource Manager.

Nothing is changed to find out what is permitted.
"""

import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NoReturn, TypeVar

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.rest import HttpRequest
from azure.mgmt.network import NetworkManagementClient

from api.clouds.azure import ASK, LOOK, SECURITY_GROUP, Azure
from api.clouds.azure_client import client_for, resource_manager, session_for
from api.clouds.azure_errors import failure_of, lacking, refusal_by
from api.clouds.azure_login import UUID, ServicePrincipal
from api.clouds.azure_rules import SecurityGroupRules
from api.clouds.base import Endpoints, Refused, Seen, Target, Unreachable, Verified
from api.clouds.rules import Kept, Listing

_VISIBLE_AT_MOST = 1000
_PERMISSIONS = "/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"
_SUBSCRIPTION = "?api-version=2022-12-01"
_ASKED_ABOUT = tuple(permission for permission in Azure.permissions if permission != ASK)

Answer = TypeVar("Answer")


def warm() -> None:
    """Make what the SDKs make with their first client."""
    endpoints = Endpoints()
    with session_for(endpoints) as session:
        client_for(ServicePrincipal({}, session, endpoints), "none", session, endpoints)


class AzureConnection:
    """One service principal. Its token is asked for when it is first needed, and with each `verify`."""

    def __init__(self, secrets: Mapping[str, str], endpoints: Endpoints) -> None:
        self._secrets = dict(secrets)
        self._subscription = secrets["subscriptionId"]
        self._endpoints = endpoints
        self._session = session_for(endpoints)
        self._client: NetworkManagementClient | None = None
        self._rules = SecurityGroupRules(self._ask_about)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection holds a secret: it is neither copied nor pickled")

    def verify(self, targets: Sequence[Target]) -> Verified:
        self._sign_in()
        own = [target for target in targets if self._is_own(target)]
        if not own:
            self._find_subscription()
        missing = self._missing(own)
        if missing:
            raise lacking(missing)
        return Verified(self._subscription)

    def inspect(self, target: Target) -> Seen:
        unseen: set[str] = set()
        try:
            group = self._ask_about(target, lambda client, *place: client.network_security_groups.get(*place))
        except Refused as refusal:
            if not refusal.missing:
                raise
            unseen = {LOOK}
        missing = unseen | self._forbidden(target)
        if missing:
            raise lacking(missing)
        return Seen(target.identifier, str(group.name or ""), _where(group), None)

    def visible(self, region: str | None) -> list[Seen]:
        groups = self._ask(lambda client: list(islice(client.network_security_groups.list_all(), _VISIBLE_AT_MOST)))
        return [Seen(str(group.id), str(group.name or ""), _where(group), None) for group in groups if group.id]

    def rules(self, target: Target, installation: uuid.UUID, kept: Sequence[Kept]) -> Listing:
        return self._rules.listing(target, installation, kept)

    def apply(self, target: Target, kept: Kept) -> tuple[str, ...]:
        return self._rules.apply(target, kept)

    def revoke(self, target: Target, kept: Kept) -> None:
        self._rules.revoke(target, kept)

    def _sign_in(self) -> NetworkManagementClient:
        """A client with a token of now: one that was kept says nothing about the secret."""
        principal = ServicePrincipal(self._secrets, self._session, self._endpoints)
        principal.get_token(f"{resource_manager(self._endpoints)}/.default")
        client = client_for(principal, self._subscription, self._session, self._endpoints)
        self._client = client
        return client

    def _is_own(self, target: Target) -> bool:
        named = SECURITY_GROUP.fullmatch(target.identifier)
        return named is not None and named["subscription"].lower() == self._subscription.lower()

    def _find_subscription(self) -> None:
        """Raises Refused where the subscription is not to be found; that one may not look at it says nothing."""
        if not UUID.fullmatch(self._subscription):
            raise refusal_by("InvalidSubscriptionId")
        try:
            self._get(f"/subscriptions/{self._subscription}{_SUBSCRIPTION}")
        except Refused as refusal:
            if refusal.code != "AuthorizationFailed":
                raise

    def _missing(self, targets: Iterable[Target]) -> set[str]:
        """The permissions that are missing, where every group that answers refuses one."""
        missing: set[str] = set()
        for target in targets:
            try:
                forbidden = self._forbidden(target)
            except Refused as refusal:
                if refusal.code not in Azure.gone:
                    raise
                continue  # a group that is not there says nothing about what is permitted on others
            if not forbidden:
                return set()
            missing |= forbidden
        return missing

    def _forbidden(self, target: Target) -> set[str]:
        """What is not permitted on a group; Refused where the group itself is at fault."""
        self._place(target)
        try:
            grants = self._get(target.identifier + _PERMISSIONS).get("value", ())
        except Refused as refusal:
            if not refusal.missing:
                raise
            return {ASK} | self._unseen(target)
        return {permission for permission in _ASKED_ABOUT if not any(_grants(each, permission) for each in grants)}

    def _unseen(self, target: Target) -> set[str]:
        """The permission to look, if it is missing: it tells a role without the right to ask from no role at all."""
        try:
            self._ask_about(target, lambda client, *place: client.network_security_groups.get(*place))
        except Refused as refusal:
            return set(refusal.missing)
        return set()

    def _get(self, path: str) -> Mapping[str, Any]:
        """What the network SDK has no method for."""

        def get(client: NetworkManagementClient) -> Mapping[str, Any]:
            answer = client.send_request(HttpRequest("GET", path))
            answer.raise_for_status()
            body = answer.json()
            if not isinstance(body, dict):
                raise TypeError("the answer is no object")
            return body

        return self._ask(get)

    def _place(self, target: Target) -> tuple[str, str]:
        """A group's resource group and name; Refused where it is not in the credential's subscription."""
        named = SECURITY_GROUP.fullmatch(target.identifier)
        if not named:
            raise refusal_by("InvalidResourceId")
        if not self._is_own(target):
            raise refusal_by("SubscriptionMismatch")
        return named["resource_group"], named["name"]

    def _ask_about(self, target: Target, call: Callable[..., Answer]) -> Answer:
        """`call(client, resource group, name)`."""
        place = self._place(target)
        return self._ask(lambda client: call(client, *place))

    def _ask(self, call: Callable[[NetworkManagementClient], Answer]) -> Answer:
        """One call. What fails is raised after the SDK's error is gone, which holds the cloud's whole text."""
        client = self._client or self._sign_in()
        try:
            return call(client)
        except HttpResponseError as error:
            answer: Any = error.response
            failure = failure_of(answer.status_code, answer.text()) if answer else _silence(error)
        # The others come of an answer that is well-formed and not of Azure: a portal's page.
        except (AzureError, ValueError, LookupError, TypeError, AttributeError) as error:
            failure = _silence(error)
        raise failure


def _silence(error: Exception) -> Unreachable:
    return Unreachable(f"Azure did not answer ({type(error).__name__})")


def _grants(grant: Mapping[str, Any], permission: str) -> bool:
    """Whether a role assignment holds a permission: https://learn.microsoft.com/azure/role-based-access-control/overview"""
    return _covers(grant.get("actions", ()), permission) and not _covers(grant.get("notActions", ()), permission)


def _covers(patterns: Iterable[str], permission: str) -> bool:
    """`*` stands for anything, slashes among it; case does not matter."""
    return any(
        re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), permission, re.IGNORECASE) for pattern in patterns
    )


def _where(group: Any) -> str:
    """A group's resource group and location: it has no description."""
    named = SECURITY_GROUP.fullmatch(str(group.id))
    return ", ".join(part for part in (named["resource_group"] if named else "", group.location) if part)
