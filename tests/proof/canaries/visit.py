"""A day in the life of a server: whoever has a secret uses it, rightly and wrongly."""

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from api.access import SCOPES
from tests.api.published import CREATE_CREDENTIAL
from tests.clouds.aws_standin import Key
from tests.proof.canaries.search import Canary
from tests.proof.canaries.servers import EMAIL, CanaryServer, Secrets

Body = dict[str, Any]
# One that slips through only now and then is seen among many.
_MORE_SECRETS = 32
_MOST_TRIES = 30


@dataclass
class Conversation:
    """All answers, by what was asked: status line, headers and body."""

    port: int
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One request; the status and the JSON of the answer, or None where it is none."""
        text = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        try:
            link.request(method, path, text, {"Content-Type": "application/json", **named})
            answer = link.getresponse()
            content = answer.read()
        finally:
            link.close()
        told = f"{answer.status} {answer.reason}\n{answer.headers}".encode() + content
        self.heard.append((f"{method} {path.partition('?')[0]}", told))
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(content) if content and is_json else None


class Visit:
    """What is done at a server, step by step; `key` is one that the cloud accepts, `group` one that it shows."""

    def __init__(self, server: CanaryServer, key: Key, group: str) -> None:
        self._server, self._key, self._group = server, key, group
        self._secrets: Secrets = server.secrets
        self.talk = Conversation(server.api.port)
        self._admin: dict[str, str] = {}
        self.api_key = ""

    def happen(self) -> None:
        """All of it. What is refused is refused for the reason that is meant."""
        self._signing_in()
        self._people_and_keys()
        self._credentials()
        self._refusals()
        self._looking_around()
        self._planting()

    def ring(self) -> None:
        """Something to do for a worker."""
        aws = next(one["id"] for one in self._api("GET", "/credentials") if one["provider"] == "AWS")
        self._api("POST", f"/credentials/{aws}/verify", None, 202)

    def _api(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        for _ in range(_MOST_TRIES):
            got, answer = self.talk.ask(method, f"/api/v1{path}", body, **(headers or self._admin))
            if got != 503:  # the worker was busy for longer than a request waits
                break
            time.sleep(1)
        assert got == status, (method, path, got, answer)
        return answer

    def _sign_in(self, whose: str, email: str, password: str) -> Body:
        shown: Body = self._api("POST", "/auth/login", {"email": email, "password": password}, X_Nobody="1")
        self._learn_tokens(whose, shown)
        return shown

    def _learn_tokens(self, whose: str, shown: Body) -> None:
        """The signature is what nobody else can write; the rest of a token says what anybody may know."""
        for kind in ("accessToken", "refreshToken"):
            self._secrets.add(f"{whose} {kind}", shown[kind].rpartition(".")[2])

    def _signing_in(self) -> None:
        password = _value(self._secrets, "administrator's password")
        wrong = {"email": EMAIL, "password": self._secrets.made("mistyped password")}
        self._api("POST", "/auth/login", wrong, 401, X_Nobody="1")
        shown = self._sign_in("administrator's", EMAIL, password)
        renewed = self._api("POST", "/auth/refresh", {"refreshToken": shown["refreshToken"]}, X_Nobody="1")
        self._learn_tokens("administrator's renewed", renewed)
        self._admin = {"Authorization": f"Bearer {renewed['accessToken']}"}
        left = self._sign_in("signed-out", EMAIL, password)
        self._api("POST", "/auth/logout", None, 204, Authorization=f"Bearer {left['accessToken']}")
        self._api("GET", "/auth/me", None, 401, Authorization=f"Bearer {left['accessToken']}")

    def _people_and_keys(self) -> None:
        password = self._secrets.made("user's password")
        self._api("POST", "/users", {"email": "uma@example.com", "name": "Uma", "password": password}, 201)
        self._sign_in("user's", "uma@example.com", password)
        wanted = {"name": "CI", "scopes": sorted(SCOPES), "belongsTo": "ORGANIZATION"}
        self.api_key = self._api("POST", "/api-keys", wanted, 201)["plainTextKey"]
        self._secrets.add("API key", self.api_key.rpartition("egk_")[2][9:])
        self._api("GET", "/api-keys")
        self._api("GET", "/credentials", None, 200, X_API_Key=self.api_key)
        self._api("GET", "/credentials", None, 401, X_API_Key=self.api_key[:-1] + "-")

    def _credentials(self) -> None:
        self._secrets.add("AWS secret key", self._key.secret_access_key)
        pem = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._secrets.add("Google private key", pem.decode())
        held = {
            "AWS": self._key.credential_data,
            "GCP": {"private_key": pem.decode()},
            "AZURE": {"clientSecret": self._secrets.made("Azure client secret")},
            "APISIX": {"apiKey": self._secrets.made("APISIX key")},
        }
        made = {provider: self._create(provider, data) for provider, data in held.items()}
        azure = CREATE_CREDENTIAL["AZURE"]
        for number in range(_MORE_SECRETS):
            secret = self._secrets.made(f"Azure client secret {number}")
            data = {**azure["credentialData"], "clientSecret": secret}
            self._api("POST", "/credentials", {**azure, "credentialData": data}, 201)
        aws = f"/credentials/{made['AWS']}"
        self._api("POST", f"{aws}/verify?wait=true")
        candidate = {**self._key.credential_data, "secretAccessKey": self._secrets.made("rotated AWS secret key")}
        self._api("PATCH", f"{aws}?wait=true", {"credentialData": candidate}, 400)
        self._api("GET", f"{aws}/targets?region=eu-central-1")
        named = {"resourceType": "SECURITY_GROUP", "resourceIdentifier": self._group, "region": "eu-central-1"}
        resource = {"name": "web", "credentialId": made["AWS"], "provider": "AWS", **named}
        self._api("POST", f"/resources/{self._api('POST', '/resources', resource, 201)['id']}/verify")
        for credential_id in made.values():
            self._api("GET", f"/credentials/{credential_id}")
            self._api("GET", f"/credentials/{credential_id}/policy")
        self._api("DELETE", f"/credentials/{made['GCP']}", None, 204)

    def _create(self, provider: str, data: Mapping[str, str]) -> str:
        body = CREATE_CREDENTIAL[provider]
        wanted = {**body, "credentialData": {**body["credentialData"], **data}}
        headers = {"Idempotency_Key": f"key-{provider}", **self._admin}
        first = self._api("POST", "/credentials", wanted, 201, **headers)
        assert self._api("POST", "/credentials", wanted, 201, **headers)["id"] == first["id"]
        return str(first["id"])

    def _refusals(self) -> None:
        """Secrets in requests that are wrong in every other way."""
        secret = self._secrets.made("secret in a wrong request")
        aws: Body = {**CREATE_CREDENTIAL["AWS"], "credentialData": {"secretAccessKey": secret}}
        listed = {**aws, "credentialData": {"accessKeyId": "AKIA", "secretAccessKey": [secret]}}
        elsewhere = {**CREATE_CREDENTIAL["APISIX"], "credentialData": {"apiUrl": f"http://{secret}/", "apiKey": secret}}
        for wrong in (aws, listed, elsewhere, {**aws, "name": [secret]}, {**aws, "provider": secret}, [secret]):
            self._api("POST", "/credentials", wrong, 400)
        self._api("POST", "/credentials", f'{{"name": "{secret}'.encode(), 400)
        self._api("POST", "/credentials", {**aws, "name": secret * 9000}, 413)
        self._api("POST", "/credentials", secret.encode(), 415, **self._admin, Content_Type="multipart/form-data")
        self._api("GET", f"/users?password={secret.replace('+', '%2B')}", None, 400)
        self._api("GET", "/auth/me", None, 401, Authorization=f"Bearer {secret}")
        self._api("POST", "/auth/refresh", {"refreshToken": secret}, 401, X_Nobody="1")

    def _looking_around(self) -> None:
        for path in ("/credentials", "/resources", "/users", "/organization", "/openapi.json"):
            self._api("GET", path)
        for form in ("", "?format=csv", "?format=jsonl"):
            self._api("GET", f"/audit-logs{form}")
        for path in ("/healthz", "/readyz", "/metrics"):
            self.talk.ask("GET", path)
        self._server.run("settings")
        self._server.run("doctor")

    def _planting(self) -> None:
        """A leak where the visit can make one: in the database and the answers, and in Valkey."""
        self._api("PATCH", "/organization", {"name": self._secrets.leak})


def _value(secrets: Secrets, name: str) -> str:
    found: Canary = next(one for one in secrets.canaries if one.name == name)
    assert isinstance(found.value, str)
    return found.value
