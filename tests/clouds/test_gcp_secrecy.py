"""Nothing that is logged, raised or shown holds a secret, and nobody is called but whom the operator names."""

import json
import logging
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest
from google.auth.transport.requests import Request

from api.clouds import CLOUDS, Endpoints, Refused, Target, Unreachable, Verified
from api.clouds.gcp_clients import GoogleClients
from api.clouds.http import operators_session
from api.clouds.rules import Kept
from tests.clouds.gcp_standin import GcpProject, GcpStandIn, answering_as_is, silent
from tests.clouds.sites import HERE, a_rule

ROOT = Path(__file__).parents[2]
NOBODY = "https://127.0.0.1:1/"


@pytest.fixture
def project(gcp: GcpStandIn) -> GcpProject:
    return gcp.project()


def everything_that_can_be_asked(data: dict[str, str], endpoints: Endpoints, target: Target) -> None:
    connection, kept = CLOUDS["GCP"].connect(data, endpoints), Kept(a_rule("81.2.69.142/32"))
    connection.verify([target])
    connection.inspect(target)
    connection.visible(None)
    connection.apply(target, kept)
    connection.rules(target, HERE, [kept])
    connection.revoke(target, kept)


def everything_that_can_go_wrong(project: GcpProject, at_gcp: Endpoints, data: dict[str, str]) -> list[Exception]:
    """Each error of a good key on a bad object, of a wrong key, of odd answers and of a silent cloud."""
    raised: list[Exception] = []
    wrong = project.google.with_another_key(data)
    reflected = f"INTERNAL SECRET PAGE {data['client_email']}"
    faults = (silent(), answering_as_is(500, reflected), answering_as_is(403, reflected), answering_as_is(200, "[]"))
    for each, target in ((data, Target(None, "nowhere", "FIREWALL")), (wrong, project.target())):
        with pytest.raises(Refused) as refused:
            everything_that_can_be_asked(each, at_gcp, target)
        raised.append(refused.value)
    for fault in faults:
        with project.google.faulty(fault), pytest.raises(Unreachable) as unreachable:
            everything_that_can_be_asked(data, at_gcp, project.target())
        raised.append(unreachable.value)
    return raised


def test_nothing_logged_or_raised_holds_a_key_an_account_or_an_endpoint(
    project: GcpProject, at_gcp: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    data = project.credential_data()
    caplog.set_level(logging.DEBUG)
    caplog.clear()

    raised = everything_that_can_go_wrong(project, at_gcp, data)
    everything_that_can_be_asked(data, at_gcp, project.target())

    logged = "\n".join(record.getMessage() + str(record.__dict__) for record in caplog.records)
    shown = logged + "".join("".join(traceback.format_exception(error)) + repr(error) for error in raised)
    key_line = data["private_key"].splitlines()[1]
    for part in (key_line, data["private_key_id"], data["client_email"], "ya29.", "INTERNAL", project.google.url):
        assert part not in shown


def test_a_connection_shows_no_key(project: GcpProject, at_gcp: Endpoints) -> None:
    data = project.credential_data()

    shown = repr(CLOUDS["GCP"].connect(data, at_gcp))

    assert not any(data[name] in shown for name in ("private_key", "private_key_id", "client_email"))


def test_whom_a_key_file_names_is_not_called(project: GcpProject, at_gcp: Endpoints) -> None:
    names = ("token_uri", "auth_uri", "auth_provider_x509_cert_url", "client_x509_cert_url")
    data = project.credential_data() | dict.fromkeys(names, NOBODY) | {"universe_domain": "evil.example"}

    assert CLOUDS["GCP"].connect(data, at_gcp).verify([]) == Verified(project.name)


def test_no_host_is_called_but_the_operators_and_no_thread_is_left(
    project: GcpProject, at_gcp: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK would follow operations at googleapis.com, and look up in the background where an account may be used."""
    asked: set[str] = set()
    resolve = socket.getaddrinfo

    def watched(host: str, *others: object, **named: object) -> object:
        asked.add(host)
        return resolve(host, *others, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    before = set(threading.enumerate())

    everything_that_can_be_asked(project.credential_data(), at_gcp, project.target())

    left = [thread for thread in set(threading.enumerate()) - before if not isinstance(thread, threading.Timer)]
    assert left == []
    assert asked == {"127.0.0.1"}


def test_an_account_asks_for_tokens_and_for_nothing_else(project: GcpProject, at_gcp: Endpoints) -> None:
    """The SDK gives up its look-up in the background where a session cannot be copied: ours may be one day."""
    asked: list[str] = []

    class Asking(Request):
        def __call__(self, url: str, *arguments: object, **options: object) -> object:
            asked.append(url)
            return super().__call__(url, *arguments, **options)  # type: ignore[no-untyped-call]

        def __deepcopy__(self, _: object) -> "Asking":
            return self

    clients = GoogleClients(project.credential_data(), at_gcp)
    session, before = operators_session(at_gcp), set(threading.enumerate())

    account: Any = clients.firewalls.transport._credentials
    account.before_request(Asking(session), "GET", project.google.url, {})

    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert asked == [f"{project.google.url}/token"]


def test_the_environments_settings_have_no_say(
    project: GcpProject, at_gcp: Endpoints, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n", encoding="ascii")
    netrc.chmod(0o600)
    for name, value in {
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "NETRC": str(netrc),
        "REQUESTS_CA_BUNDLE": str(netrc),
        "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/key.json",
        "GOOGLE_CLOUD_PROJECT": "somebody-elses",
        "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "evil.example",
    }.items():
        monkeypatch.setenv(name, value)

    everything_that_can_be_asked(project.credential_data(), at_gcp, project.target())


def test_a_child_loads_nothing_that_its_parent_could_have_loaded(project: GcpProject) -> None:
    """What preloading leaves out, every child would load again, and keep a copy of."""
    program = """
import json, sys
from pathlib import Path
from api.clouds import CLOUDS, Endpoints, Target
from tests.clouds.test_gcp_secrecy import everything_that_can_be_asked
data, url, authority = json.loads(sys.stdin.read())
at = {"gcp_token": url + "/token", "gcp_compute": url, "gcp_resource_manager": url, "ca_bundle": Path(authority)}
CLOUDS["GCP"].preload()
loaded = set(sys.modules)
everything_that_can_be_asked(data, Endpoints(**at), Target(None, "default", "FIREWALL"))
print(sorted(set(sys.modules) - loaded))
"""
    google = project.google
    given = json.dumps([project.credential_data(), google.url, str(google.authority)])

    run = [sys.executable, "-c", program]
    done = subprocess.run(run, cwd=ROOT, input=given, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
