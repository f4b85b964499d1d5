"""AWS for tests and for the demo: moto's server, made as strict as AWS where EntryGuard depends on it.

A process of its own, on a free port of the loopback, which it writes to its standard output. It ends when its standard
input does, so it never outlives whoever started it. moto checks signatures and IAM actions; what is added here:

* policies limited to one security group (moto asks for the resource "*" whatever is asked for);
* UnauthorizedOperation with its long encoded message from EC2 (moto: AccessDenied);
* an inactive access key is unknown (moto accepts it);
* a DryRun on a group that is not there says so (moto: it would have succeeded);
* rules are made all or none, and all of their ids are told (moto: those before the refused one, the last one's);
* a page holds as many security groups as were asked for (moto shows all that there are, which takes it long);
* one call after the other (moto loses what two threads change at once, and AWS does not);
* what a group shows may lag behind what was added to it, as AWS says it does, where a fault asks for it;
* faults on demand, by PUT /standin/fault; GET /standin/met tells how many calls have met one that comes by chance.
"""

import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any, NoReturn
from urllib.parse import unquote

from moto import backends
from moto.core import responses
from moto.core.exceptions import _RESTError
from moto.core.responses import ActionResult
from moto.core.utils import method_names_from_class
from moto.ec2.exceptions import EC2ClientError, InvalidSecurityGroupNotFoundError
from moto.ec2.responses import EC2Response
from moto.ec2.responses._base_response import EC2BaseResponse
from moto.iam.access_control import CreateAccessKeyFailure, IAMRequest, IAMUserAccessKey
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from tests.clouds.chance import Chances

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

_SILENT_AT_MOST = 60.0
_XML = {
    "ec2": "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>",
    "sts": "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>",
}


class UnauthorizedOperationError(_RESTError):
    """As EC2 words it: the message holds kilobytes about the request, encoded."""

    code = 403

    def __init__(self, arn: str, action: str) -> None:
        super().__init__(
            "UnauthorizedOperation",
            f"You are not authorized to perform this operation. User: {arn} is not authorized to perform: {action} "
            f"because no identity-based policy allows it. Encoded authorization failure message: {'0Ab_' * 300}",
        )


class Faulty:
    """Passes requests on to moto, or answers with the fault that was last set."""

    def __init__(self, moto: Application) -> None:
        self._moto = moto
        self._one_call = threading.Lock()
        self._chances = Chances()
        self._told: dict[bytes, tuple[Any, Iterable[bytes]]] = {}
        self.fault: dict[str, Any] = {}

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/standin/fault":
            length = int(environ.get("CONTENT_LENGTH") or 0)
            self.fault = json.loads(environ["wsgi.input"].read(length) or b"{}")
            self._told.clear()
            start_response("204 No Content", [])
            return [b""]
        if environ["PATH_INFO"] == "/standin/met":
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._chances.told()).encode()]
        asked = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(asked)
        is_change, caller = b"SecurityGroupIngress" in asked, environ.get("HTTP_AUTHORIZATION", "")
        service = next((name for name in _XML if f"/{name}/" in caller), "")
        fault = self._chances.fault_for(self.fault, is_change=is_change, service=service, caller=caller)
        if not fault or service not in fault.get("services", _XML):
            return self._ask_moto(environ, start_response)
        if fault.get("silent"):
            self._wait_for_another()
        time.sleep(fault.get("delay", 0))
        if is_change and ("lost" in fault or "late" in fault):
            return self._lose_the_answer(environ, start_response, fault)
        if "status" not in fault:
            is_behind = "lagging" in fault and b"DescribeSecurityGroups" in asked
            return (self._say_as_before if is_behind else self._ask_moto)(environ, start_response)
        body = fault.get("body") or _XML[service].format(code=fault["code"], message=fault["message"])
        start_response(f"{fault['status']} Fault", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
        return [body.encode()]

    def _ask_moto(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        with self._one_call:
            return list(self._moto(environ, start_response))

    def _say_as_before(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        asked = environ["wsgi.input"].getvalue()
        if asked not in self._told:
            heads: list[Any] = []
            said = self._ask_moto(environ, lambda *head: heads.append(head))
            self._told[asked] = heads[0], said
        head, said = self._told[asked]
        start_response(*head)
        return said

    def _lose_the_answer(
        self, environ: dict[str, Any], start_response: StartResponse, fault: dict[str, Any]
    ) -> Iterable[bytes]:
        if "late" in fault:
            about = unquote(environ["wsgi.input"].getvalue().decode())
            self._chances.later(fault["late"], partial(self._ask_moto, environ, _unheard), about)
        else:
            self._ask_moto(environ, _unheard)
        start_response("502 Bad Gateway", [("Content-Length", "0")])
        return [b""]

    def _wait_for_another(self) -> None:
        fault, until = self.fault, time.monotonic() + _SILENT_AT_MOST
        while self.fault is fault and time.monotonic() < until:
            time.sleep(0.05)


def _unheard(*_: object) -> None:
    """Nobody is there to be answered."""


class Handler(MotoRequestHandler):
    """Sends head and body at once: sent one after the other, the body would wait to hear that the head has come."""

    disable_nagle_algorithm = True
    wbufsize = -1


def make_all_rules_or_none(self: EC2Response) -> ActionResult:
    self.error_on_dryrun()
    group = self.ec2_backend.get_security_group_from_id(self._get_param("GroupId"))
    before = list(group.ingress_rules) if group else []
    made = []
    try:
        for wanted in self._process_rules_from_querystring():
            made += self.ec2_backend.authorize_security_group_ingress(**wanted)[0]
    except EC2ClientError:
        if group:
            group.ingress_rules = before
        raise
    return ActionResult({"Return": True, "SecurityGroupRules": made})


def make_as_strict_as_aws(faulty: Faulty) -> None:
    """Change moto, in this process only."""
    know_key, dry_run = IAMUserAccessKey.__init__, EC2BaseResponse.error_on_dryrun
    describe = EC2Response.describe_security_groups
    modules = tuple(backends.list_of_moto_modules())

    def know_active_key(self: IAMUserAccessKey, *given: Any, **named: Any) -> None:
        know_key(self, *given, **named)
        keys = self.backend.get_user(self._owner_user_name).access_keys
        if any(key.access_key_id == self._access_key_id and key.status == "Inactive" for key in keys):
            raise CreateAccessKeyFailure(reason="InvalidId")

    def deny(self: IAMRequest) -> NoReturn:
        raise UnauthorizedOperationError(self._access_key.arn, self._action)

    def resource_of(self: EC2Response) -> str:
        changed = "SecurityGroupIngress" in self._get_action()
        group = self._get_param("GroupId") if changed else None
        return f"arn:aws:ec2:{self.region}:{self.current_account}:security-group/{group}" if group else "*"

    def dry_run_on_a_group(self: EC2BaseResponse) -> None:
        group = self._get_param("GroupId")
        if group and not self.ec2_backend.get_security_group_from_id(group):
            raise InvalidSecurityGroupNotFoundError(group)
        if not faulty.fault.get("dry_run_ignored"):
            dry_run(self)

    def describe_a_page(self: EC2Response) -> ActionResult:
        shown: Any = describe(self).result
        groups, first = shown["SecurityGroups"], int(self._get_param("NextToken", 0))
        behind = first + int(self._get_param("MaxResults", len(groups)))
        onwards = {"NextToken": str(behind)} if behind < len(groups) else {}
        return ActionResult({"SecurityGroups": groups[first:behind], **onwards})

    for owner, name, replacement in (
        (IAMUserAccessKey, "__init__", know_active_key),
        (IAMRequest, "_raise_access_denied", deny),
        (EC2Response, "_determine_resource", resource_of),
        (EC2BaseResponse, "error_on_dryrun", dry_run_on_a_group),
        (EC2Response, "authorize_security_group_ingress", make_all_rules_or_none),
        (EC2Response, "describe_security_groups", describe_a_page),
        # Asked at each call, a sixth of its time, about what does not change: a class's methods, and moto's folders.
        (responses, "method_names_from_class", cache(method_names_from_class)),
        (backends, "list_of_moto_modules", lambda: modules),
    ):
        setattr(owner, name, replacement)


def end_with_standard_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serve until standard input ends."""
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    faulty = Faulty(DomainDispatcherApplication(create_backend_app))
    make_as_strict_as_aws(faulty)
    server = make_server("127.0.0.1", 0, faulty, threaded=True, request_handler=Handler)
    os.environ["MOTO_PORT"] = str(server.port)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
