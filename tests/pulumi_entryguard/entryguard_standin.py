"""EntryGuard's API for credentials and resources, in memory and over real HTTP, for tests of its client.

It keeps the contract's counters and verdicts, and can be told to misbehave: to be busy, to cut connections, to be slow.
"""

import copy
import json
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.pulumi_entryguard.http_serving import Handler, serving

API_KEY = "egk_a-key-for-tests-0123456789"
GOOD_SECRET = "wJalrXUtnFEMI/K7MDENG/good-EXAMPLEKEY-one"
OTHER_GOOD_SECRET = "wJalrXUtnFEMI/K7MDENG/good-EXAMPLEKEY-two"
WRONG_SECRET = "wJalrXUtnFEMI/K7MDENG/wrong-EXAMPLEKEY-no"
SIGNATURE_ERROR = "SignatureDoesNotMatch: The request signature we calculated does not match."
GROUP_ERROR = "InvalidGroup.NotFound: The security group 'sg-missing' does not exist"
NOW = "2026-02-18T12:30:00Z"

CODES = {308: "-", 404: "-", 409: "CONFLICT", 429: "RATE_LIMIT_EXCEEDED", 502: "-", 503: "UNAVAILABLE", 504: "-"}

Shown = dict[str, Any]


@dataclass
class Request:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    at: float
    connection: int


@dataclass
class Misbehaviour:
    """What the next request of a method meets, before or after it did its work."""

    method: str
    status: int = 0
    retry_after: str | None = None
    cut_before: bool = False
    cut_after: bool = False
    body: Any = None


@dataclass
class EntryGuard:
    """The state of the stand-in."""

    url: str = ""
    verdict_seconds: float = 0.05
    objects: dict[str, dict[str, Shown]] = field(default_factory=lambda: {"credentials": {}, "resources": {}})
    secrets: dict[str, Shown] = field(default_factory=dict)
    verdict_at: dict[str, float] = field(default_factory=dict)
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    misbehaviours: list[Misbehaviour] = field(default_factory=list)
    in_use: bool = False
    lock: Any = field(default_factory=threading.RLock)

    def seen(self, method: str, ending: str = "") -> list[Request]:
        """The requests of a method whose path ends so."""
        return [one for one in self.requests if one.method == method and one.path.endswith(ending)]

    def only(self, collection: str) -> Shown:
        """The one object that there is."""
        (shown,) = self.objects[collection].values()
        return shown

    def misbehave(self, method: str, **how: Any) -> None:
        self.misbehaviours.append(Misbehaviour(method, **how))

    def next_misbehaviour(self, method: str) -> Misbehaviour | None:
        with self.lock:
            for one in self.misbehaviours:
                if one.method == method:
                    self.misbehaviours.remove(one)
                    return one
        return None

    # the API

    def answer(self, request: Request) -> tuple[int, Any]:
        with self.lock:
            self._judge()
            return copy.deepcopy(self._route(request))

    def _route(self, request: Request) -> tuple[int, Any]:
        parts = urlsplit(request.path)
        if not parts.path.startswith("/api/v1/"):
            return error(404, "NOT_FOUND", "There is nothing at this path.")
        pieces = parts.path.removeprefix("/api/v1/").split("/")
        if request.headers.get("x-api-key") != API_KEY:
            return error(401, "UNAUTHORIZED", "Missing or invalid authentication token")
        if len(pieces) == 1:
            return self._create(pieces[0], request)
        shown = self.objects[pieces[0]].get(pieces[1])
        if shown is None:
            noun = pieces[0].removesuffix("s")
            return error(404, f"{noun.upper()}_NOT_FOUND", f"{noun.capitalize()} with ID {pieces[1]} not found")
        if len(pieces) == 3:
            return self._verify(pieces[0], shown)
        match request.method:
            case "PATCH":
                answer = self._change(pieces[0], shown, request.body)
            case "DELETE":
                answer = self._delete(pieces[0], shown, "force=true" in parts.query)
            case _:
                answer = 200, shown
        return answer

    def _verify(self, collection: str, shown: Shown) -> tuple[int, Any]:
        self._judge_now(shown)
        if collection == "resources" and not shown["isActive"]:
            return error(400, "VERIFICATION_FAILED", shown["verificationError"])
        return 200, shown

    def _create(self, collection: str, request: Request) -> tuple[int, Any]:
        key, text = request.headers.get("idempotency-key"), json.dumps(request.body)
        if key in self.keys:
            made, first = self.keys[key]
            return (201, self.objects[collection][made]) if first == text else error(409, "CONFLICT", "Key was used")
        data = request.body.pop("credentialData", None)
        if collection == "credentials" and not data:
            return error(400, "VALIDATION_ERROR", "credentialData is required", {"credentialData": ["required"]})
        new = str(uuid.uuid4())
        if key:
            self.keys[key] = new, text
        always: Shown = {
            "id": new,
            "lastVerifiedAt": None,
            "verificationError": None,
            "createdAt": NOW,
            "updatedAt": NOW,
        }
        always |= {"deletingSince": None, "revision": 1}
        shown = request.body | always
        if collection == "credentials":
            shown |= {"isValid": None, "missingPermissions": None, "account": None, "pendingUpdate": None}
            shown |= {"secretVersion": 1, "verifiedSecretVersion": None}
            self.secrets[new] = data
        else:
            shown = {"region": None, "config": {}, "maxSessionMinutes": None} | shown
            shown |= {"isActive": False, "verifiedRevision": None, "credentialName": "?"}
        self.objects[collection][new] = shown
        self._want_verdict(collection, shown)
        return 201, shown

    def _change(self, collection: str, shown: Shown, body: Shown) -> tuple[int, Any]:
        data = body.pop("credentialData", None)
        shown |= body
        shown["revision"] += 1
        if data:
            self.secrets[shown["id"]] = data
            shown["secretVersion"] += 1
            shown["pendingUpdate"] = {"status": "VERIFYING", "error": None, "since": NOW}
        if data or collection == "resources":
            self._want_verdict(collection, shown)
        return 200, shown

    def _delete(self, collection: str, shown: Shown, force: bool) -> tuple[int, Any]:
        if self.in_use and not force:
            code = f"{collection.removesuffix('s').upper()}_IN_USE"
            return error(400, code, "2 sessions have rules on it: alice@example.com, bob@example.com")
        if self.in_use:
            shown["deletingSince"] = NOW
            return 202, shown
        del self.objects[collection][shown["id"]]
        return 204, None

    def release(self) -> None:
        """The last rules are out of the cloud: what is being deleted is gone."""
        with self.lock:
            self.in_use = False
            for held in self.objects.values():
                for gone in [shown["id"] for shown in held.values() if shown["deletingSince"]]:
                    del held[gone]

    # the verdicts

    def _want_verdict(self, collection: str, shown: Shown) -> None:
        self.verdict_at[shown["id"]] = time.monotonic() + self.verdict_seconds

    def _judge(self) -> None:
        for due in [one for one, at in self.verdict_at.items() if at <= time.monotonic()]:
            del self.verdict_at[due]
            for collection, held in self.objects.items():
                if due in held:
                    judge = self._judge_credential if collection == "credentials" else self._judge_resource
                    judge(held[due])

    def _judge_now(self, shown: Shown) -> None:
        self.verdict_at[shown["id"]] = 0.0
        self._judge()

    def _judge_credential(self, shown: Shown) -> None:
        good = self.secrets[shown["id"]].get("secretAccessKey") != WRONG_SECRET
        shown["verifiedSecretVersion"] = shown["secretVersion"]
        shown["lastVerifiedAt"] = NOW
        if shown["pendingUpdate"] and not good:
            shown["pendingUpdate"] = {"status": "REJECTED", "error": SIGNATURE_ERROR, "since": NOW}
            return
        verdict = {"isValid": good, "verificationError": None if good else SIGNATURE_ERROR, "pendingUpdate": None}
        shown |= verdict | {"account": "123456789012", "missingPermissions": []}

    def _judge_resource(self, shown: Shown) -> None:
        good = shown["resourceIdentifier"] != "sg-missing"
        shown["verifiedRevision"] = shown["revision"]
        shown |= {"isActive": good, "verificationError": None if good else GROUP_ERROR, "lastVerifiedAt": NOW}


def error(status: int, code: str, message: str, details: Any = None) -> tuple[int, Any]:
    body = {"error": code, "message": message, "timestamp": NOW, "requestId": "a-request"}
    return status, body | ({"details": details} if details else {})


class _Handler(Handler):
    entryguard: EntryGuard

    def _serve(self) -> None:
        text = self.body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(
            self.command, self.path, headers, json.loads(text or b"null"), time.monotonic(), self.client_address[1]
        )
        self.entryguard.requests.append(Request(**vars(request) | {"body": json.loads(text or b"null")}))
        wrong = self.entryguard.next_misbehaviour(self.command)
        if wrong and wrong.cut_before:
            return self._cut()
        if wrong and wrong.status:
            given = error(wrong.status, CODES[wrong.status], "Not now")
            return self._send(wrong.status, given[1] if wrong.body is None else wrong.body, wrong.retry_after)
        status, body = self.entryguard.answer(request)
        if wrong and wrong.cut_after:
            return self._cut()
        return self._send(status, body)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815  http.server's names

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, body: Any, retry_after: str | None = None) -> None:
        text = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.reply(status, {} if retry_after is None else {"Retry-After": retry_after}, text)


@contextmanager
def running_entryguard(tls: ssl.SSLContext | None = None) -> Iterator[EntryGuard]:
    """A stand-in that serves on a free loopback port; with TLS as `localhost`."""
    entryguard = EntryGuard()
    with serving(type("Bound", (_Handler,), {"entryguard": entryguard}), tls) as port:
        entryguard.url = f"http://127.0.0.1:{port}" if tls is None else f"https://localhost:{port}"
        yield entryguard
