"""Whom calls to the clouds trust: read once, shared, and nobody's to switch off."""

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from api.clouds import CLOUDS, Endpoints, Target, Unreachable
from api.clouds.certificates import trusted
from api.clouds.http import operators_session
from tests.clouds.aws_standin import REGION
from tests.clouds.bad_servers import LOOPBACK, saying, serving

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A file with one authority."""
    return written(trustme.CA(), tmp_path / "authority.pem")


@pytest.fixture
def strangers_authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def strangers_port(strangers_authority: trustme.CA) -> Iterator[tuple[int, list[bytes]]]:
    """A server with a certificate of an authority that nobody trusts, and the requests that it got."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    strangers_authority.issue_cert(LOOPBACK).configure_cert(context)
    asked: list[bytes] = []

    def answer(channel: socket.socket) -> None:
        asked.append(b"")
        saying(b"{}")(channel)

    with serving(answer, context) as (port, _):
        yield port, asked


@pytest.fixture(scope="module")
def rsa_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def written(authority: trustme.CA, bundle: Path) -> Path:
    bundle.write_bytes(authority.cert_pem.bytes())
    return bundle


def at(port: int, bundle: Path) -> Endpoints:
    url = f"https://{LOOPBACK}:{port}"
    return Endpoints(
        aws=url,
        gcp_token=f"{url}/token",
        gcp_compute=url,
        gcp_resource_manager=url,
        azure_authority=url,
        azure_resource_manager=url,
        ca_bundle=bundle,
        may_be_called=lambda address: address.is_loopback,
        connect_seconds=0.5,
        read_seconds=1.5,
    )


def credential_data(cloud: str, port: int, key: str) -> dict[str, str]:
    """A credential that is well-formed."""
    name = "12345678-1234-1234-1234-123456789012"
    return {
        "AWS": {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "a-secret"},
        "GCP": {"project_id": "project-1", "client_email": "a@b.example", "private_key": key},
        "AZURE": {"subscriptionId": name, "tenantId": name, "clientId": name, "clientSecret": "a-secret"},
        "APISIX": {"apiUrl": f"https://{LOOPBACK}:{port}", "apiKey": "a-secret"},
    }[cloud]


def test_the_authorities_are_read_once_for_a_process_and_a_bundle(bundle: Path) -> None:
    assert trusted(bundle) is trusted(bundle)
    assert trusted(bundle) is not trusted(None)


def test_a_bundle_that_was_replaced_is_read_anew(bundle: Path) -> None:
    before = trusted(bundle)
    another = trustme.CA()
    written(another, bundle.with_name("new.pem")).replace(bundle)

    theirs = ssl.PEM_cert_to_DER_cert(another.cert_pem.bytes().decode())

    assert theirs not in before.get_ca_certs(binary_form=True)
    assert theirs in trusted(bundle).get_ca_certs(binary_form=True)


def test_a_connection_reads_no_authorities(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = trustme.CA()
    authority.issue_cert(LOOPBACK).configure_cert(context)
    written(authority, bundle)
    trusted(bundle)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("authorities were read")

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", refuse)
    with serving(saying(b"{}"), context) as (port, _):
        assert operators_session(Endpoints(ca_bundle=bundle)).get(f"https://{LOOPBACK}:{port}/").ok


@pytest.mark.parametrize("verify", [False, None, "their file"])
def test_an_sdk_has_no_say_in_whom_to_trust(
    strangers_port: tuple[int, list[bytes]], strangers_authority: trustme.CA, bundle: Path, verify: object
) -> None:
    port, asked = strangers_port
    theirs = written(strangers_authority, bundle.with_name("theirs.pem"))
    session = operators_session(Endpoints(ca_bundle=bundle))

    with pytest.raises(requests.exceptions.SSLError):
        session.get(f"https://{LOOPBACK}:{port}/", verify=str(theirs) if verify == "their file" else verify)  # type: ignore[arg-type]
    assert asked == []
    assert trusted(bundle).verify_mode == ssl.CERT_REQUIRED
    assert trusted(bundle).check_hostname


@pytest.mark.parametrize("cloud", CLOUDS)
def test_no_cloud_is_told_anything_behind_a_certificate_of_another_authority(
    cloud: str, strangers_port: tuple[int, list[bytes]], bundle: Path, rsa_key: str
) -> None:
    port, asked = strangers_port
    connection = CLOUDS[cloud].connect(credential_data(cloud, port, rsa_key), at(port, bundle))

    with pytest.raises(Unreachable):
        connection.verify([Target(REGION, "sg-0123456789abcdef0", "SECURITY_GROUP")])
    assert asked == []


def test_the_environments_proxy_has_no_say_in_calls_to_aws(
    strangers_port: tuple[int, list[bytes]], bundle: Path, monkeypatch: pytest.MonkeyPatch, rsa_key: str
) -> None:
    with serving(saying(b"{}")) as (proxy, through_proxy):
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
            monkeypatch.setenv(name, f"http://{LOOPBACK}:{proxy}")
        port, _ = strangers_port
        with pytest.raises(Unreachable):
            CLOUDS["AWS"].connect(credential_data("AWS", port, rsa_key), at(port, bundle)).verify([])

    assert through_proxy == []


def test_what_is_read_before_a_fork_is_not_read_again_after_it(bundle: Path) -> None:
    """And no connection is carried over: a child makes what holds them anew."""
    program = (
        "import json, os, sys\n"
        "from pathlib import Path\n"
        "from worker.parent import load_sdks\n"
        "from api.clouds import aws_clients, certificates\n"
        "bundle = Path(sys.argv[1])\n"
        "load_sdks(bundle)\n"
        "read = certificates._read.cache_info().misses\n"
        "calls = aws_clients._calls(bundle, 1.0, 1.0)\n"
        "is_shared = aws_clients._calls(bundle, 1.0, 1.0) is calls\n"
        "if child := os.fork(): sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "is_carried = aws_clients._calls(bundle, 1.0, 1.0) is calls\n"
        "print(json.dumps([is_shared, is_carried, certificates._read.cache_info().misses - read]))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(bundle)], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == [True, False, 0]
