"""The whole of EntryGuard for tests in a browser: API, worker, Valkey, the AWS stand-in, and organisations."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.limit_table import DEFAULTS
from tests.clouds.aws_standin import AwsStandIn, Key
from tests.served_api import EMAIL, PASSWORD, settings_in
from tests.server_process import ApiProcess, ServerProcess, command
from tests.valkey_server import running_valkey

BASE = "/api/v1"
_HIGH_LIMITS = ";".join(f"{name}=1000000/minute" for name in DEFAULTS)
# Where the browser is seen; no server lets that in unless it is told to.
_HERE = "127.0.0.1/32"
# Where everybody is seen by a server that is behind a proxy: an address that is kept for examples.
FROM = "203.0.113.7"
_END_SECONDS = 20


@dataclass(frozen=True)
class Running:
    """The processes, and the cloud that they ask."""

    aws: AwsStandIn
    api: ApiProcess
    worker: ServerProcess
    settings: dict[str, str] = field(repr=False)

    @property
    def proxied(self) -> dict[str, str]:
        """What a proxy adds to a request, where the server is behind one."""
        return {"X-Forwarded-For": FROM} if "ENTRYGUARD_TRUSTED_PROXIES" in self.settings else {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api.port}"

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """One request to the API; the status and the JSON of the answer."""
        return self.api.ask(method, path, body, {**self.proxied, **(headers or {})})

    def organisation(self, name: str) -> "Site":
        """A new organisation with nothing in it, and its administrator."""
        body = {"organizationName": name, "email": EMAIL, "name": "Ada Byron", "password": PASSWORD}
        status, answer = self.ask("POST", f"{BASE}/auth/register", body)
        assert status == 201, answer
        bearer = {"Authorization": f"Bearer {answer['accessToken']}"}
        _, organisation = self.ask("GET", f"{BASE}/organization", headers=bearer)
        return Site(self, self.url, self.aws, organisation["slug"], {EMAIL: answer["accessToken"]})


@dataclass
class Site:
    """An organisation: where its pages are, and what somebody can have it do behind the pages' back."""

    running: Running
    url: str
    aws: AwsStandIn
    slug: str
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)
    # What nobody may find in a page, in the browser or in an address.
    secrets: list[str] = field(default_factory=lambda: [PASSWORD], repr=False)

    def key(self) -> Key:
        """An access key of a new user in AWS, whose secret is kept an eye on."""
        made = self.aws.user()
        self.secrets.append(made.secret_access_key)
        return made

    def ask(self, method: str, path: str, body: Any = None, email: str = EMAIL) -> Any:
        """One request to the API by somebody; the JSON of its success."""
        bearer = {"Authorization": f"Bearer {self._token(email)}"}
        status, answer = self.running.ask(method, BASE + path, body, bearer)
        assert status < 300, answer
        return answer

    def credential(self, name: str, **more: Any) -> Any:
        """An AWS credential that is valid, or will be found to be what `more` makes of it."""
        key = self.key()
        body = {"name": name, "provider": "AWS", "credentialType": "ACCESS_KEY", "credentialData": key.credential_data}
        return self.ask("POST", "/credentials", {**body, **more})

    def resource(self, name: str, credential_id: str, **more: Any) -> Any:
        """A security group of its own behind a credential, with port 443."""
        body = {
            "name": name,
            "credentialId": credential_id,
            "provider": "AWS",
            "resourceType": "SECURITY_GROUP",
            "resourceIdentifier": self.aws.security_group(),
            "region": "eu-central-1",
            "config": {"port": 443},
        }
        return self.ask("POST", "/resources", {**body, **more})

    def user(self, email: str, name: str = "Uma Keller", role: str = "USER") -> Any:
        """Somebody else, with the same password."""
        return self.ask("POST", "/users", {"email": email, "name": name, "role": role, "password": PASSWORD})

    def _token(self, email: str) -> str:
        if email not in self._tokens:
            body = {"email": email, "password": PASSWORD, "organizationSlug": self.slug}
            status, answer = self.running.ask("POST", f"{BASE}/auth/login", body)
            assert status == 200, answer
            self._tokens[email] = answer["accessToken"]
        return self._tokens[email]


@contextmanager
def running_server(folder: Path, aws: AwsStandIn, **more: str) -> Iterator[Running]:
    """All of it, ready; ended afterwards."""
    with running_valkey() as valkey:
        own = {
            "ENTRYGUARD_REDIS_URL": valkey.url,
            "ENTRYGUARD_AWS_ENDPOINT_URL": aws.endpoint,
            "ENTRYGUARD_SESSION_ALLOWED_NETWORKS": _HERE,
            "ENTRYGUARD_RATE_LIMITS": _HIGH_LIMITS,
            "ENTRYGUARD_OPEN_REGISTRATION": "on",
        }
        settings = settings_in(folder, **{**own, **more})
        done = command("migrate", settings=settings)
        assert done.returncode == 0, done.stderr
        api, worker = ApiProcess(settings, folder / "api.log"), ServerProcess(settings, folder / "worker.log")
        try:
            api.start()
            worker.start()
            api.wait_until_ready()
            yield Running(aws, api, worker, settings)
        finally:
            for process in (api, worker):
                if process.is_running:
                    process.terminate(_END_SECONDS)
