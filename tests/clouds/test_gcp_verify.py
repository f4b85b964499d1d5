"""What makes a service account's key valid: Google's own SDK, over TLS, against signatures that are checked."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Unreachable, Verified
from tests.api.published import CREATE_CREDENTIAL
from tests.clouds.gcp_standin import REQUIRED, SECURITY_ADMIN, GcpProject, GcpStandIn, answering, with_another_clock

REVOKED = "invalid_grant: Service account key is invalid or revoked"
LIST = "compute.firewalls.list"

Connect = Callable[[dict[str, str]], Connection]


@pytest.fixture
def project(gcp: GcpStandIn) -> GcpProject:
    return gcp.project()


@pytest.fixture
def connect(at_gcp: Endpoints) -> Connect:
    return lambda data: CLOUDS["GCP"].connect(data, at_gcp)


def refusal_of(connection: Connection) -> Refused:
    with pytest.raises(Refused) as caught:
        connection.verify([])
    return caught.value


def without(*missing: str) -> list[str]:
    return [permission for permission in SECURITY_ADMIN if permission not in missing]


def pem(key: PrivateKeyTypes, password: bytes = b"") -> str:
    sealing = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealing).decode()


@pytest.mark.parametrize("permissions", [SECURITY_ADMIN, REQUIRED], ids=["securityAdmin", "required"])
def test_a_key_with_the_least_privilege_is_valid(
    project: GcpProject, connect: Connect, permissions: tuple[str, ...]
) -> None:
    assert connect(project.credential_data(permissions)).verify([]) == Verified(project.name)


def test_the_role_that_we_hand_out_is_enough(project: GcpProject, connect: Connect) -> None:
    role = CLOUDS["GCP"].policy([])["includedPermissions"]
    assert isinstance(role, list)
    connection = connect(project.credential_data(role))

    assert connection.verify([]) == Verified(project.name)
    assert connection.inspect(project.target()).name == "network-1"
    assert connection.visible(None)


def test_the_shortest_published_key_file_is_enough(project: GcpProject, connect: Connect) -> None:
    names = CREATE_CREDENTIAL["GCP, short"]["credentialData"]
    data = {name: value for name, value in project.credential_data().items() if name in names}
    assert set(data) == {"type", "project_id", "private_key", "client_email"}

    assert connect(data).verify([]) == Verified(project.name)


def test_a_key_that_is_not_the_accounts_is_refused(project: GcpProject, connect: Connect) -> None:
    assert str(refusal_of(connect(project.google.with_another_key(project.credential_data())))) == REVOKED


@pytest.mark.parametrize("state", ["deleted", "disabled"])
def test_a_key_of_an_account_that_is_no_more_is_refused(project: GcpProject, connect: Connect, state: str) -> None:
    data = project.credential_data()
    project.google.keep_account(data, SECURITY_ADMIN, state)

    assert str(refusal_of(connect(data))) == REVOKED


def test_a_revoked_key_is_refused_while_its_last_token_lives(project: GcpProject, connect: Connect) -> None:
    data = project.credential_data()
    connection = connect(data)
    connection.verify([])

    project.google.keep_account({**data, "private_key_id": "another"}, SECURITY_ADMIN)

    assert str(refusal_of(connection)) == REVOKED


def test_the_published_placeholder_is_refused(connect: Connect) -> None:
    assert str(refusal_of(connect(CREATE_CREDENTIAL["GCP"]["credentialData"]))) == REVOKED


@pytest.mark.parametrize(
    "key",
    [
        "",
        "no key",
        "\udc80",
        "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(ed25519.Ed25519PrivateKey.generate()),
        pem(rsa.generate_private_key(public_exponent=65537, key_size=2048), b"a password"),
    ],
    ids=["empty", "text", "surrogate", "cut", "elliptic", "edwards", "encrypted"],
)
def test_what_cannot_be_a_key_is_refused_without_asking(project: GcpProject, connect: Connect, key: str) -> None:
    connection, before = connect(project.credential_data() | {"private_key": key}), project.google.calls

    refused = refusal_of(connection)

    assert str(refused) == REVOKED
    assert refused.__context__ is None
    assert project.google.calls == before


def test_a_missing_permission_is_named_in_the_published_words(project: GcpProject, connect: Connect) -> None:
    refused = refusal_of(connect(project.credential_data(without(LIST))))

    assert str(refused) == "AccessDenied: Service account lacks compute.firewalls.list permission"
    assert refused.missing == (LIST,)


def test_all_that_is_missing_is_named_at_once(project: GcpProject, connect: Connect) -> None:
    missing = ("compute.firewalls.create", "compute.networks.updatePolicy", "compute.globalOperations.get")

    refused = refusal_of(connect(project.credential_data(without(*missing))))

    assert str(refused) == f"AccessDenied: Service account lacks {', '.join(missing)} permissions"
    assert refused.missing == missing


def test_an_account_without_any_permission_lacks_them_all(project: GcpProject, connect: Connect) -> None:
    assert refusal_of(connect(project.credential_data([]))).missing == REQUIRED


def test_a_permission_given_later_is_seen_by_the_same_connection(project: GcpProject, connect: Connect) -> None:
    data = project.credential_data([])
    connection = connect(data)
    refusal_of(connection)

    project.google.keep_account(data, REQUIRED)

    assert connection.verify([]) == Verified(project.name)


def test_where_resource_manager_is_switched_off_looking_is_tried(project: GcpProject, connect: Connect) -> None:
    project.set(services=["compute"])

    assert connect(project.credential_data()).verify([]) == Verified(project.name)
    refused = refusal_of(connect(project.credential_data(without(LIST))))
    assert str(refused) == "Permission denied: Service account lacks compute.firewalls.list permission"
    assert refused.missing == (LIST,)


def test_a_refused_call_without_a_permissions_name_has_the_published_remedy(
    project: GcpProject, connect: Connect
) -> None:
    connection = connect(project.credential_data())

    with project.google.faulty(answering(403, "forbidden", "compute.secrets.of.google")):
        refused = refusal_of(connection)

    assert str(refused) == "Permission denied: Service account lacks required compute permissions"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"services": ["cloudresourcemanager"]}, "SERVICE_DISABLED: Compute Engine API is not enabled in the project"),
        ({"billed": False}, "BILLING_DISABLED: Project has no billing account that is in force"),
    ],
    ids=["api", "billing"],
)
def test_a_project_that_may_not_use_compute_engine_is_refused_with_the_cause(
    project: GcpProject, connect: Connect, change: dict[str, object], said: str
) -> None:
    project.set(**change)

    assert str(refusal_of(connect(project.credential_data()))) == said


def test_another_project_is_refused(project: GcpProject, connect: Connect, gcp: GcpStandIn) -> None:
    data = project.credential_data() | {"project_id": gcp.project().name}

    assert refusal_of(connect(data)).code == "Permission denied"


@pytest.mark.parametrize("name", ["", "a/b", "../x", "p?q", "p#f", "P", "p q", "p\n", "%2e", "a" * 64, "ä"])
def test_what_cannot_be_a_project_is_refused_without_asking(project: GcpProject, connect: Connect, name: str) -> None:
    connection, before = connect(project.credential_data() | {"project_id": name}), project.google.calls

    assert str(refusal_of(connection)) == "invalidProject: Project ID must look like my-project-12345"
    assert project.google.calls == before


@pytest.mark.parametrize("seconds", [-7200.0, 7200.0])
def test_clocks_that_differ_are_no_verdict(project: GcpProject, connect: Connect, seconds: float) -> None:
    connection = connect(project.credential_data())

    with project.google.faulty(with_another_clock(seconds)), pytest.raises(Unreachable, match="clock"):
        connection.verify([])


def test_the_key_is_proved_by_the_token_endpoint_and_not_by_itself(project: GcpProject, connect: Connect) -> None:
    connection, before = connect(project.credential_data()), len(project.google.calls)

    connection.verify([])
    connection.verify([])
    connection.inspect(project.target())

    calls = [call.partition("?")[0] for call in project.google.calls[before:]]
    permissions = f"POST /v1/projects/{project.name}:testIamPermissions"
    look = f"GET /compute/v1/projects/{project.name}/global/firewalls"
    network = f"GET /compute/v1/projects/{project.name}/global/networks/network-1"
    assert calls == ["POST /token", permissions, look] * 2 + [permissions, network]
