"""What is in the organisation just now, and who asks: for requests about something that is there."""

import itertools
import random
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from schemathesis import Case, Response

from api.access import SCOPES
from api.clouds import CLOUDS
from tests.api.conftest import BASE, PASSWORD, Caller
from tests.proof.fuzzed_server import EMAIL

COLLECTIONS = {
    "credential_id": "credentials",
    "resource_id": "resources",
    "session_id": "sessions",
    "role_id": "roles",
    "static_ip_rule_id": "static-ip-rules",
    "user_id": "users",
    "key_id": "api-keys",
}
"""Which collection an id in a path is of."""
REGION = "eu-central-1"
ADDRESS = "203.0.113.7"
IDENTIFIERS = {
    "AWS": "sg-0123456789abcdef0",
    "GCP": "default",
    "AZURE": "/subscriptions/a1b2c3d4-e5f6-7890-abcd-ef1234567890/resourceGroups/web"
    "/providers/Microsoft.Network/networkSecurityGroups/web",
    "APISIX": "1",
}
# So few that lists stay short, so many that there is something to choose from.
_KEPT = 30
# One less than the administrator may have open.
_SESSIONS_KEPT = 4
_FOR_KEYS = tuple(f"{BASE}/{collection}" for collection in ("credentials", "resources", "audit-logs"))

Body = dict[str, Any]

_AWS_CREDENTIAL: Body = {
    "provider": "AWS",
    "credentialType": CLOUDS["AWS"].credential_type,
    "credentialData": {field.name: field.example for field in CLOUDS["AWS"].fields},
}


class LiveObjects:
    """The objects of each collection by id, the oldest first. What is asked for and not there is made."""

    def __init__(self, administrator: Caller, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - repeats what was seen, hides nothing
        self._administrator = administrator
        self._numbers = itertools.count(1)
        self._objects: dict[str, OrderedDict[str, Body]] = {name: OrderedDict() for name in COLLECTIONS.values()}
        self._refresh_tokens: list[str] = []
        self._token, self._ended_tokens = administrator.token, set[str]()
        key = {"name": "fuzz", "scopes": sorted(SCOPES), "belongsTo": "ORGANIZATION"}
        made = self._ask("POST", "/api-keys", key)
        self._key, self._askers = made["plainTextKey"], {made["id"], str(administrator.user.id)}

    def identity(self, case: Case[Any]) -> dict[str, str]:
        """The header of somebody who may do this: a key for what pipelines do, a person for the rest."""
        return {"X-API-Key": self._key} if case.path.startswith(_FOR_KEYS) else self._bearer()

    def is_out_of_date(self, header: str) -> bool:
        """Whether an Authorization header is that of a login of ours that has ended."""
        return header.removeprefix("Bearer ") in self._ended_tokens

    def asks(self, object_id: str) -> bool:
        """Whether it is the user or the key that all requests are made with."""
        return object_id in self._askers

    def one(self, collection: str) -> str:
        """The id of an object that is there."""
        objects = self._objects[collection]
        if not objects:
            if collection == "sessions":
                self._stop_all()
            self._keep(collection, self._ask("POST", f"/{collection}", self._new(collection)))
        return self.random.choice(list(objects))

    def _stop_all(self) -> None:
        """Those too that are forgotten here: they count for what the administrator may have open."""
        for status in ("PENDING", "FAILED"):
            open_ones = self._administrator.get(f"/sessions?status={status}", headers=self._bearer()).json or []
            for session in open_ones:
                self._administrator.post(f"/sessions/{session['id']}/stop", headers=self._bearer())

    def _one_that_stays(self, collection: str) -> str:
        """The id of an object that is there and not being deleted: a resource may have gone with its credential."""
        while True:
            object_id = self.one(collection)
            shown = self.read(collection, object_id)
            if shown is not None and shown["deletingSince"] is None:
                return object_id
            del self._objects[collection][object_id]

    def shown(self, collection: str, object_id: str) -> Body:
        """The object as it was when it was made; empty where it is not there."""
        return self._objects[collection].get(object_id, {})

    def person(self) -> Body:
        """The e-mail address and the password of somebody who may sign in."""
        users = [user for user in self._objects["users"].values() if user.get("password")]
        chosen = self.random.choice([{"email": EMAIL, "password": PASSWORD}, *users])
        return {"email": chosen["email"], "password": chosen["password"]}

    def refresh_token(self) -> str:
        """One that is good, if nobody has ended its login."""
        return self._refresh_tokens.pop() if self._refresh_tokens else str(self._signed_in()["refreshToken"])

    def fresh_number(self) -> int:
        """A number that was not given before."""
        return next(self._numbers)

    def read(self, collection: str, object_id: str) -> Body | None:
        """The object as the API shows it now; None where it is gone. API keys can only be read from their list."""
        path = f"/{collection}" if collection == "api-keys" else f"/{collection}/{object_id}"
        answer = self._administrator.get(path, headers=self._bearer())
        assert answer.status_code in (200, 404), answer.text
        shown = answer.json if isinstance(answer.json, list) else [answer.json]
        return next((one for one in shown if one.get("id") == object_id), None)

    def learn(self, case: Case[Any], response: Response) -> None:
        """Note what a request made or ended."""
        collection, *named = case.path.removeprefix(f"{BASE}/").split("/")
        method, status = case.method.upper(), response.status_code
        if collection == "auth" and method == "POST" and status < 300:
            self._learn_login(case.path, response)
        elif collection in self._objects and case.path_parameters and _has_ended(collection, named[-1], method, status):
            self._objects[collection].pop(str(next(iter(case.path_parameters.values()))), None)
        elif collection in self._objects and method == "POST" and status == 201:
            password = case.body.get("password") if isinstance(case.body, dict) else None
            self._keep(collection, {**response.json(), "password": password})

    def _learn_login(self, path: str, response: Response) -> None:
        if path.endswith("/logout"):
            self._ended_tokens.add(self._token)
            self._token = self._signed_in()["accessToken"]
        else:
            self._refresh_tokens.append(response.json()["refreshToken"])

    def _keep(self, collection: str, shown: Body) -> None:
        objects = self._objects[collection]
        objects[shown["id"]] = shown
        while len(objects) > (_SESSIONS_KEPT if collection == "sessions" else _KEPT):
            oldest, _ = objects.popitem(last=False)
            if collection == "sessions":
                self._administrator.post(f"/sessions/{oldest}/stop", headers=self._bearer())
            else:
                self._administrator.delete(f"/{collection}/{oldest}", headers=self._bearer())

    def _new(self, collection: str) -> Body:
        name = f"made {self.fresh_number()}"
        made: Mapping[str, Callable[[], Body]] = {
            "credentials": lambda: {"name": name, **_AWS_CREDENTIAL},
            "resources": lambda: {"name": name, **self._object_in_a_cloud()},
            "sessions": lambda: {"resourceIds": [self._one_that_stays("resources")], "ipv4Address": ADDRESS},
            "roles": lambda: {"name": name},
            "static-ip-rules": lambda: {
                "label": name,
                "ipAddress": ADDRESS,
                "resourceIds": [self._one_that_stays("resources")],
            },
            "users": lambda: {
                "name": name,
                "email": f"{name.replace(' ', '-')}@example.com",
                "password": PASSWORD,
            },
            "api-keys": lambda: {"name": name, "scopes": ["audit:read"], "belongsTo": "ORGANIZATION"},
        }
        return made[collection]()

    def _object_in_a_cloud(self) -> Body:
        credential_id = self._one_that_stays("credentials")
        return {"credentialId": credential_id, **named_object(self.shown("credentials", credential_id)["provider"])}

    def _ask(self, method: str, path: str, body: Body) -> Body:
        answer = self._administrator.ask(method, path, json=body, headers=self._bearer())
        assert answer.status_code == 201, answer.text
        shown: Body = answer.json
        return shown

    def _signed_in(self) -> Body:
        answer = self._administrator.client.post(f"{BASE}/auth/login", json={"email": EMAIL, "password": PASSWORD})
        assert answer.status_code == 200 and answer.json, answer.text
        shown: Body = answer.json
        return shown

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


def _has_ended(collection: str, deed: str, method: str, status: int) -> bool:
    """What the request was about is gone, or can be changed no more."""
    return method == "DELETE" or status == 404 or (collection == "sessions" and (deed == "stop" or status == 409))


def named_object(provider: str) -> Body:
    """How a resource names an object in a cloud."""
    cloud = CLOUDS[provider]
    region = {"region": REGION} if cloud.needs_region else {}
    kind = next(iter(cloud.resource_types))
    return {"provider": provider, "resourceType": kind, "resourceIdentifier": IDENTIFIERS[provider], **region}
