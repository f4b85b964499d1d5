"""Tokens of Entra for a service principal, through azure-identity."""

import re
import threading
from collections.abc import Mapping
from typing import Any, NoReturn

import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline import PipelineResponse
from azure.identity import ClientSecretCredential

from api.clouds.azure_client import AUTHORITY, RETRIES, OneHost, noticed_stops
from api.clouds.azure_errors import login_failure_of
from api.clouds.base import Endpoints, Refused, Unreachable

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# What Entra would say of ids that it never gives, in its own words: they are sent nowhere.
_NO_TENANT, _NO_APPLICATION, _NO_SECRET = "AADSTS900023", "AADSTS700038", "AADSTS7000216"


class ServicePrincipal:
    """A service principal as the SDKs take it. A token is kept until shortly before its end, an hour or so."""

    def __init__(self, secrets: Mapping[str, str], session: requests.Session, endpoints: Endpoints) -> None:
        self._secrets = secrets
        self._authority = (endpoints.azure_authority or AUTHORITY).rstrip("/")
        self._session = session
        self._heard = threading.local()
        self._made: ClientSecretCredential | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("a service principal holds a secret: it is neither copied nor pickled")

    def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        """A token. Raises Refused, Unreachable, and what `before_call` raises."""
        self._check()
        self._heard.answer = None
        with noticed_stops() as stops:
            try:
                return self._credential().get_token(*scopes, claims=claims)
            except (AzureError, ValueError) as error:  # ValueError: an authority that is not https
                failure = stops[0] if stops else self._failure(error)
        # MSAL gives the same answer for a minute, without asking.
        self._made = None
        raise failure

    def _check(self) -> None:
        """Raises Refused for what no service principal has, which the SDK would not send."""
        if not UUID.fullmatch(self._secrets["tenantId"]):
            raise login_failure_of(400, _NO_TENANT)
        if not UUID.fullmatch(self._secrets["clientId"]):
            raise login_failure_of(400, _NO_APPLICATION)
        secret = self._secrets["clientSecret"]
        if not secret or not secret.isprintable():
            raise login_failure_of(400, _NO_SECRET)

    def _credential(self) -> ClientSecretCredential:
        made = self._made
        if made is None:
            made = ClientSecretCredential(
                self._secrets["tenantId"],
                self._secrets["clientId"],
                self._secrets["clientSecret"],
                authority=self._authority,
                # Otherwise login.microsoftonline.com is asked whether it knows the operator's authority.
                disable_instance_discovery=True,
                transport=OneHost(self._session, self._authority),
                raw_response_hook=self._hear,
                **RETRIES,
            )
            # The environment's region has no say: a regional authority is another host.
            made._regional_authority = False  # type: ignore[assignment]
            self._made = made
        return made

    def _hear(self, response: PipelineResponse[Any, Any]) -> None:
        """Keep the answer for `_failure`: MSAL's errors leave out its code where the tenant is unknown."""
        self._heard.answer = response.http_response

    def _failure(self, error: Exception) -> Refused | Unreachable:
        answer = self._heard.answer
        if answer is None or isinstance(error.__cause__, (ServiceRequestError, ServiceResponseError)):
            return Unreachable(f"Microsoft Entra did not answer ({type(error.__cause__ or error).__name__})")
        return login_failure_of(answer.status_code, answer.text())
