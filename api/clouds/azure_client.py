"""Microsoft's two SDKs, made to call out as EntryGuard does: to one host each, within the time limits, once more at
most, and in the thread that asks.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import ServiceRequestError, ServiceResponseTimeoutError
from azure.core.pipeline.policies import HeadersPolicy, RequestIdPolicy, RetryPolicy, UserAgentPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from azure.mgmt.core.polling.arm_polling import ARMPolling
from azure.mgmt.network import NetworkManagementClient

from api.clouds.base import Endpoints, before_call
from api.clouds.http import operators_session

AUTHORITY = "https://login.microsoftonline.com"
_RESOURCE_MANAGER = "https://management.azure.com"
# A network security group with 1,000 rules has some 1.5 MB, and a page of groups is as long.
_LONGEST_ANSWER = 16 * 1024 * 1024
# Once more where nothing was heard. Where Azure answered, it says itself when to come back, and the SDK would sleep so
# long: whoever holds a lease does not.
RETRIES = {"retry_total": 1, "retry_status": 0}
_POLL_SECONDS = 1.0
_LONGEST_POLL_SECONDS = 2.0
_LONGEST_CHANGE_SECONDS = 40.0

# azure-identity writes Entra's whole texts as warnings, and msal an answer that it does not understand as an error.
for _name in ("azure", "msal"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class OneHost(RequestsTransport):  # type: ignore[misc]  # azure.core exports it lazily, and so without its type
    """Calls one host: answers name others (of pages, operations, endpoints), to which secrets and tokens would go."""

    def __init__(self, session: requests.Session, url: str) -> None:
        super().__init__(session=session, session_owner=False)
        self._host = _host(url)

    def send(self, request: Any, **options: Any) -> Any:
        if _host(request.url) != self._host:
            raise ServiceRequestError("an answer names another host")
        return super().send(request, **options)


class InThisThread(ARMPolling):
    """Waits for a change where it was asked for: a thread of the SDK's own knows no lease (`before_call`)."""

    def __init__(self) -> None:
        super().__init__(timeout=_POLL_SECONDS)
        self._until = time.monotonic() + _LONGEST_CHANGE_SECONDS

    def initialize(self, *arguments: Any) -> None:
        super().initialize(*arguments)
        self.run()

    def update_status(self) -> None:
        if time.monotonic() > self._until:
            raise ServiceResponseTimeoutError("Azure takes too long over a change")
        super().update_status()

    def _extract_delay(self) -> float:
        # Azure often asks for 10 s before a change of 2 s is looked at again.
        return min(super()._extract_delay(), _LONGEST_POLL_SECONDS)


def session_for(endpoints: Endpoints) -> requests.Session:
    return operators_session(endpoints, _LONGEST_ANSWER)


def resource_manager(endpoints: Endpoints) -> str:
    return (endpoints.azure_resource_manager or _RESOURCE_MANAGER).rstrip("/")


def client_for(
    principal: TokenCredential, subscription: str, session: requests.Session, endpoints: Endpoints
) -> NetworkManagementClient:
    """A client of one subscription.

    What the SDK would also do is left out on purpose: follow redirects, register a subscription for a service, log.
    """
    url = resource_manager(endpoints)
    return NetworkManagementClient(
        principal,
        subscription,
        base_url=url,
        transport=OneHost(session, url),
        policies=[
            RequestIdPolicy(),
            HeadersPolicy(),
            UserAgentPolicy(),
            RetryPolicy(**RETRIES),
            ARMChallengeAuthenticationPolicy(principal, f"{url}/.default"),
        ],
    )


@contextmanager
def noticed_stops() -> Iterator[list[Exception]]:
    """What `before_call` raises meanwhile: azure-identity makes an error of its own of it."""
    look, stops = before_call.get(), list[Exception]()

    def look_and_notice() -> None:
        try:
            look()
        except Exception as stop:
            stops.append(stop)
            raise

    token = before_call.set(look_and_notice)
    try:
        yield stops
    finally:
        before_call.reset(token)


def _host(url: str) -> tuple[str, str | None, int | None]:
    parts: SplitResult = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
