"""Microsoft Entra in the Azure stand-in: tenants, applications with their secrets, and tokens."""

import secrets
import uuid
from typing import Any
from urllib.parse import parse_qs

_TOKEN_SECONDS = 3599

Answer = tuple[int, Any, dict[str, str]]


class Entra:
    """The tenants, their applications with their secrets, and the tokens that were given."""

    def __init__(self) -> None:
        self.applications: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.url = ""

    def answer(self, method: str, path: str, query: Any, body: bytes, headers: Any) -> Answer:
        _, tenant, *rest = path.split("/")
        known = any(each["tenant"] == tenant for each in self.applications.values())
        if not known:
            return _entra_error(400, 90002, f"Tenant '{tenant}' not found.")
        if method == "GET" and rest == ["v2.0", ".well-known", "openid-configuration"]:
            home = f"{self.url}/{tenant}"
            return 200, {
                "issuer": f"{home}/v2.0",
                "authorization_endpoint": f"{home}/oauth2/v2.0/authorize",
                "token_endpoint": f"{home}/oauth2/v2.0/token",
            }, {}  # fmt: skip
        if method == "POST" and rest == ["oauth2", "v2.0", "token"]:
            return self._token(tenant, {name: values[0] for name, values in parse_qs(body.decode()).items()})
        return 404, "", {}

    def _token(self, tenant: str, form: dict[str, str]) -> Answer:
        client = form.get("client_id", "")
        application = self.applications.get(client)
        if form.get("grant_type") != "client_credentials":
            return _entra_error(400, 70003, "The app requested an unsupported grant type.")
        if application is None or application["tenant"] != tenant:
            return _entra_error(400, 700016, f"Application with identifier '{client}' was not found in the directory.")
        if application.get("error"):
            return _entra_error(400, application["error"], "It may not sign in.")
        state = application["secrets"].get(form.get("client_secret"))
        if state is None:
            return _entra_error(401, 7000215, f"Invalid client secret provided for app '{client}'.")
        if state == "expired":
            return _entra_error(401, 7000222, f"The provided client secret keys for app '{client}' are expired.")
        token = secrets.token_urlsafe(32)
        self.tokens[token] = {"client": client, "tenant": tenant, "scope": form.get("scope")}
        return 200, {"token_type": "Bearer", "expires_in": _TOKEN_SECONDS, "access_token": token}, {}


def _entra_error(status: int, number: int, sentence: str) -> Answer:
    """As Entra words it, with ids that are nobody's business."""
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    description = (
        f"AADSTS{number}: {sentence} Trace ID: {trace} Correlation ID: {correlation} Timestamp: 2026-02-18 12:30:00Z"
    )
    kind = "invalid_client" if status == 401 else "unauthorized_client"
    body = {"error": kind, "error_description": description, "error_codes": [number], "trace_id": trace}
    return status, body, {}
