"""EntryGuard's API as a person with a browser or curl would use it."""

import json
import urllib.error
import urllib.request
from typing import Any

_SECONDS = 40.0  # the API itself answers within 30 s

# The environment's proxy has no business on the loopback address.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Refused(Exception):
    """The API's error answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


class EntryGuardApi:
    """Asks one server as one caller: `headers` prove who it is."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._base = f"{url}/api/v1"
        self._headers = headers

    @classmethod
    def signed_in(cls, url: str, email: str, password: str) -> "EntryGuardApi":
        """The API for this person. Raises Refused."""
        tokens = cls(url, {}).ask("POST", "/auth/login", {"email": email, "password": password})
        return cls(url, {"Authorization": f"Bearer {tokens['accessToken']}"})

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send one request, `path` after /api/v1; gives the decoded answer. Raises Refused, or OSError without one."""
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **self._headers}
        request = urllib.request.Request(self._base + path, sent, headers, method=method)  # noqa: S310  our own address
        try:
            with _OPENER.open(request, timeout=_SECONDS) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refusal:
            with refusal:
                told = json.loads(refusal.read())
            raise Refused(refusal.code, told["error"], told["message"]) from None
