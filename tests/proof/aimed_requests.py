"""Aims a generated request at something that is there.

A schema says what a credential's id looks like, not which ids there are. So what the schema allows is changed to name
a living object, a provider and a type that belong together, the password of somebody who has one. One in seven is left
as it was made, and so is what the schema forbids, but for the id of a credential.
"""

from collections.abc import Callable, Mapping
from typing import Any

from schemathesis import Case
from schemathesis.core import NotSet
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase

from api.clouds import CLOUDS
from api.clouds.derive import config_errors, credential_errors
from tests.api.conftest import BASE
from tests.proof.live_objects import ADDRESS, COLLECTIONS, REGION, Body, LiveObjects, named_object

_LEFT_ALONE = 0.15


class Aim:
    """Changes requests just before they are sent."""

    def __init__(self, live: LiveObjects) -> None:
        self._live = live

    def take(self, case: Case[Any]) -> None:
        """Aim one request, if it is of a kind that can be."""
        self._keep_asking(case)
        if case.method.upper() != case.operation.method.upper():
            return
        if self._may_change(case, ParameterLocation.HEADER):
            self._aim_headers(case)
        if self._may_change(case, ParameterLocation.QUERY):
            self._aim_query(case)
        if self._may_change(case, ParameterLocation.PATH) and not _is_linked(case):
            case.path_parameters = {name: self._live.one(COLLECTIONS[name]) for name in case.path_parameters or {}}
        self._name_a_credential(case)
        aim = _BODIES.get(f"{case.method.upper()} {case.path.removeprefix(BASE)}")
        if aim is not None and isinstance(case.body, dict) and self._may_change(case, ParameterLocation.BODY):
            case.body = aim(self, dict(case.body), case.path_parameters)

    def _may_change(self, case: Case[Any], part: ParameterLocation) -> bool:
        """The schema allows this part of the request, and it is not one of those that are left alone."""
        if part is ParameterLocation.BODY and isinstance(case.body, NotSet):
            return False
        made = case.meta.components.get(part) if case.meta is not None else None
        if made is not None and made.mode.is_negative:
            return False
        # A story that is told twice must go the same way, or hypothesis tells no more of them.
        return _is_linked(case) or self._live.random.random() >= _LEFT_ALONE

    def _keep_asking(self, case: Case[Any]) -> None:
        """Whoever asks must be able to ask on: is neither signed out, nor demoted, nor deleted, nor revoked."""
        if self._live.is_out_of_date(case.headers.get("Authorization", "")):
            case.headers.update(self._live.identity(case))
        if case.method.upper() not in ("PATCH", "DELETE"):
            return
        for name, value in (case.path_parameters or {}).items():
            if self._live.asks(value):
                case.path_parameters = {**case.path_parameters, name: self._live.one(COLLECTIONS[name])}

    def _name_a_credential(self, case: Case[Any]) -> None:
        """Also where another field is wrong: an unknown credential would be told first."""
        body = case.body
        named = body.get("credentialId") if isinstance(body, dict) else None
        if isinstance(body, dict) and isinstance(named, str) and 1 <= len(named) <= 64:
            case.body = {**body, "credentialId": self._live.one("credentials")}

    def _aim_headers(self, case: Case[Any]) -> None:
        fitting = {"Idempotency-Key": f"key-{self._live.fresh_number()}", "If-Match": "*"}
        case.headers.update({name: fitting[name] for name in fitting if name in case.headers})

    def _aim_query(self, case: Case[Any]) -> None:
        query = dict(case.query or {})
        query.pop("cursor", None)
        if case.path.endswith("/targets"):
            query["region"] = REGION
        case.query = query

    def _new_credential(self, body: Body, _: Mapping[str, Any]) -> Body:
        """Of the provider whose data it holds."""
        data = body["credentialData"]
        cloud = next((cloud for cloud in CLOUDS.values() if not credential_errors(cloud, data)), None)
        return body if cloud is None else {**body, "provider": cloud.name, "credentialType": cloud.credential_type}

    def _changed_credential(self, body: Body, path: Mapping[str, Any]) -> Body:
        shown = self._live.shown("credentials", path["credential_id"])
        if not shown or "credentialData" not in body:
            return body
        data = {field.name: field.example for field in CLOUDS[shown["provider"]].fields}
        return {**body, "credentialData": data}

    def _new_resource(self, body: Body, _: Mapping[str, Any]) -> Body:
        credential_id = self._live.one("credentials")
        provider = self._live.shown("credentials", credential_id)["provider"]
        return _with_config_of(provider, {**body, "credentialId": credential_id, **named_object(provider)})

    def _changed_resource(self, body: Body, path: Mapping[str, Any]) -> Body:
        shown = self._live.shown("resources", path["resource_id"])
        if not shown:
            return body
        fitting = {"credentialId": shown["credentialId"], **named_object(shown["provider"])}
        return _with_config_of(shown["provider"], {**body, **{key: fitting[key] for key in fitting if key in body}})

    def _new_session(self, body: Body, path: Mapping[str, Any]) -> Body:
        length = self._length(body, path)
        return {**self._other_address(length, path), "resourceIds": [self._live.one("resources")]}

    def _length(self, body: Body, _: Mapping[str, Any]) -> Body:
        """So short that a session can be made longer by it many times."""
        return {**body, "durationMinutes": 5, "durationHours": None}

    def _other_address(self, body: Body, _: Mapping[str, Any]) -> Body:
        return {**body, "ipv4Address": ADDRESS, "ipv6Address": None, "proofs": None}

    def _static_rule(self, body: Body, _: Mapping[str, Any]) -> Body:
        fitting = {"ipAddress": ADDRESS, "resourceIds": [self._live.one("resources")], "expiresAt": None}
        return {**body, **{key: fitting[key] for key in fitting if key in body}}

    def _sign_in(self, body: Body, _: Mapping[str, Any]) -> Body:
        return self._live.person()

    def _refresh(self, body: Body, _: Mapping[str, Any]) -> Body:
        return {**body, "refreshToken": self._live.refresh_token()}

    def _new_person(self, body: Body, _: Mapping[str, Any]) -> Body:
        return {**body, "email": f"somebody-{self._live.fresh_number()}@example.com"}

    def _new_key(self, body: Body, _: Mapping[str, Any]) -> Body:
        """One that can be given a role."""
        return {**body, "belongsTo": "ORGANIZATION"}


_BODIES: Mapping[str, Callable[[Aim, Body, Mapping[str, Any]], Body]] = {
    "POST /credentials": Aim._new_credential,
    "PATCH /credentials/{credential_id}": Aim._changed_credential,
    "POST /resources": Aim._new_resource,
    "PATCH /resources/{resource_id}": Aim._changed_resource,
    "POST /sessions": Aim._new_session,
    "POST /sessions/{session_id}/extend": Aim._length,
    "PUT /sessions/{session_id}/ip": Aim._other_address,
    "POST /static-ip-rules": Aim._static_rule,
    "PATCH /static-ip-rules/{static_ip_rule_id}": Aim._static_rule,
    "POST /auth/login": Aim._sign_in,
    "POST /auth/refresh": Aim._refresh,
    "POST /auth/register": Aim._new_person,
    "POST /users": Aim._new_person,
    "POST /api-keys": Aim._new_key,
}


def _is_linked(case: Case[Any]) -> bool:
    """schemathesis chose the object: one that an earlier request of the same story made, or deleted."""
    return case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL


def _with_config_of(provider: str, body: Body) -> Body:
    kind = next(iter(CLOUDS[provider].resource_types))
    if body.get("config") is not None and config_errors(CLOUDS[provider], kind, body["config"]):
        return {**body, "config": None}
    return body
