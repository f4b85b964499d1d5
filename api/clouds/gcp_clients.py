"""Google's own clients, made to call nobody but whom the operator names, and only as `api.clouds.http` calls out.

What the SDK does by itself, and must not here: sign its own tokens, so that nobody tells whether the key still holds;
follow an operation at googleapis.com whatever endpoint it was given; look up where an account may be used, at another
host and in a thread of its own; make errors of whole answers; ask again for minutes.
"""

import logging
import re
from collections.abc import Callable, Collection, Mapping
from functools import cached_property, partial
from typing import Any, TypeVar

import requests
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import compute_v1
from google.cloud.compute_v1.services.firewalls.transports import FirewallsRestTransport
from google.cloud.compute_v1.services.global_operations.transports import GlobalOperationsRestTransport
from google.cloud.compute_v1.services.networks.transports import NetworksRestTransport
from google.oauth2 import service_account
from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]  # it publishes no types

from api.clouds.base import Endpoints, Refused
from api.clouds.gcp_errors import STALE, Broken, failure_of, failure_of_call, not_google, refusal_by
from api.clouds.http import adopt, operators_session

_TOKEN = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
_COMPUTE = "https://compute.googleapis.com"
_RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# A page has 100 firewall rules, and a rule may have 5,000 ranges, which are 0.1 MB.
_LONGEST_ANSWER = 16 * 1024 * 1024
_LONGEST_TOKEN_SECONDS = 86_400
# As Google has it in its own errors; a project of a domain has the domain before it.
_PROJECT = re.compile(r"([a-z0-9][-a-z0-9.]{0,252}:)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

# Given to each call: it is made once, and its time limits are those of our own session.
ONCE: Mapping[str, Any] = {"retry": None, "timeout": None}

# At DEBUG it writes requests.
logging.getLogger("google").setLevel(logging.WARNING)

_T = TypeVar("_T")
Shape = Callable[[dict[str, Any]], bool]


def warm() -> None:
    """Make a client of each kind, which loads what the first one would."""
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
    compute_v1.FirewallsClient(transport=FirewallsRestTransport(credentials=nobody))
    compute_v1.GlobalOperationsClient(transport=GlobalOperationsRestTransport(credentials=nobody))
    compute_v1.NetworksClient(transport=NetworksRestTransport(credentials=nobody))
    # A short key, of nobody, loads what a key is read and signs with: 3 MB.
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505  it signs nothing that anybody takes
    written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    _account_of({"client_email": "nobody", "private_key": written}, _TOKEN)


class GoogleClients:
    """What one service account's key asks with. Everything is made when it is first needed.

    Every question goes through `ask`, which turns what fails into Refused and Unreachable.
    """

    def __init__(self, secrets: Mapping[str, str], endpoints: Endpoints) -> None:
        self.project = secrets["project_id"]
        self._secrets = secrets
        self._endpoints = endpoints
        self._ours = operators_session(endpoints, _LONGEST_ANSWER)
        token_session = requests.Session()
        self._prepare(token_session, _is_token)
        self._token_request = Request(token_session)

    @cached_property
    def firewalls(self) -> compute_v1.FirewallsClient:
        return compute_v1.FirewallsClient(transport=self._transport(FirewallsRestTransport))

    @cached_property
    def operations(self) -> compute_v1.GlobalOperationsClient:
        return compute_v1.GlobalOperationsClient(transport=self._transport(GlobalOperationsRestTransport))

    @cached_property
    def networks(self) -> compute_v1.NetworksClient:
        return compute_v1.NetworksClient(transport=self._transport(NetworksRestTransport))

    def ask(self, question: Callable[[], _T]) -> _T:
        """Its answer. A question is put twice where the connection broke, or the token is not taken any more.

        So a change must carry a `request_id`: Google makes it once, however often it is asked for under the same id.
        """
        try:
            return _answer(question)
        except Broken:
            pass
        except Refused as refusal:
            if refusal.code != STALE:
                raise
            self._account.token = None
        return _answer(question)

    def renew_token(self) -> None:
        """Have the key proved by Google now, whatever token there still is."""
        self.ask(lambda: self._account.refresh(self._token_request))  # type: ignore[no-untyped-call]

    def permissions_among(self, wanted: Collection[str]) -> set[str]:
        """Which of these permissions the account has on the project. Asking needs none itself."""
        base = self._endpoints.gcp_resource_manager or _RESOURCE_MANAGER
        url = f"{base}/v1/projects/{self.project}:testIamPermissions"
        answer = self.ask(lambda: self._resource_manager.post(url, json={"permissions": list(wanted)}))
        return set(answer.json().get("permissions", ()))

    @cached_property
    def _account(self) -> service_account.Credentials:
        if not _PROJECT.fullmatch(self.project):
            raise refusal_by("invalidProject")
        account = _account_of(self._secrets, self._endpoints.gcp_token or _TOKEN)
        if account is None:
            raise refusal_by("invalid_grant")
        return account

    @cached_property
    def _resource_manager(self) -> AuthorizedSession:
        session = AuthorizedSession(self._account, auth_request=self._token_request)  # type: ignore[no-untyped-call]
        self._prepare(session, _is_permissions)
        return session

    def _transport(self, kind: Callable[..., Any]) -> Any:
        transport = kind(host=self._endpoints.gcp_compute or _COMPUTE, credentials=self._account)
        transport._session._auth_request = self._token_request
        self._prepare(transport._session, _is_computes)
        return transport

    def _prepare(self, session: requests.Session, shape: Shape) -> None:
        """Let a session of the SDK call out as ours does, and show the SDK no answer that is not one of `shape`."""
        adopt(session, self._ours)
        session.hooks["response"].append(partial(_refuse, shape))


class _Account(service_account.Credentials):
    """Asks for tokens, and for nothing else."""

    def _after_refresh(self, *_: object) -> None:
        """The SDK would ask iamcredentials.googleapis.com where the account may be used."""


def _account_of(secrets: Mapping[str, str], token_url: str) -> service_account.Credentials | None:
    """The account as the SDK knows it, or None for a key that cannot sign.

    The key file's own token_uri and universe_domain are left out: whom to call is the operator's to say.
    """
    names = ("client_email", "private_key", "private_key_id")
    info = {name: secrets[name] for name in names if name in secrets} | {"token_uri": token_url}
    try:
        account = _Account.from_service_account_info(info, scopes=[_SCOPE])  # type: ignore[no-untyped-call]
        account.sign_bytes(b"")  # a key of another kind can be read, and fails here
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        return None
    return account  # type: ignore[no-any-return]


def _answer(question: Callable[[], _T]) -> _T:
    """What fails is raised after the SDK's error is gone, which may hold an answer's whole text."""
    try:
        return question()
    except (TransportError, requests.RequestException) as error:
        failure = failure_of_call(error)
    # The last two come of an answer that has the right form and the wrong values.
    except (GoogleAuthError, ParseError, ValueError):
        failure = not_google(200)
    raise failure


def _refuse(shape: Shape, answer: requests.Response, **_: object) -> None:
    """Raise what an answer means that is no success."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if answer.status_code != 200:
        raise failure_of(answer.status_code, body)
    if not isinstance(body, dict) or not shape(body):
        raise not_google(200)


def _is_token(body: dict[str, Any]) -> bool:
    seconds = body.get("expires_in")
    return isinstance(body.get("access_token"), str) and isinstance(seconds, int) and seconds <= _LONGEST_TOKEN_SECONDS


def _is_computes(body: dict[str, Any]) -> bool:
    return str(body.get("kind")).startswith("compute#")


def _is_permissions(body: dict[str, Any]) -> bool:
    """Who has no permission is answered an empty object, and somebody else's page is none."""
    held = body.get("permissions", [])
    return set(body) <= {"permissions"} and isinstance(held, list) and all(isinstance(name, str) for name in held)
