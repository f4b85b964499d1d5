"""An Azure credential from the API through a real worker to Azure, and the verdict back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.accounts import service as accounts
from api.database import bind, connection, database
from api.secret import Secret
from tests.clouds.azure_standin import ASK, LOOK, LOOK_AT_RULES, NETWORK_CONTRIBUTOR, AzureStandIn
from tests.eventually import eventually
from tests.proof.neighbours.redis_faults import given_valkey
from tests.proof.neighbours.site import EMAIL, PASSWORD, Site
from tests.server_process import settings_for

# What a refusal may take that is not believed of a secret that has just been sent, on a busy machine.
VERDICT_SECONDS = 60
SECRET_ROW = "InvalidAuthenticationToken: Client secret is invalid or expired"

# The engine has no say in what Azure is asked.
pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def site(
    database_url: str, key_ring_text: str, azure: AzureStandIn, pytestconfig: pytest.Config, tmp_path: Path
) -> Iterator[Site]:
    bind(database_url)
    with connection():
        accounts.add_administrator(EMAIL, Secret.of_text(PASSWORD), "Acme", "PAID")
    database.close_all()
    with given_valkey(pytestconfig) as valkey:
        nowhere = "http://127.0.0.1:1"
        started = Site(settings_for(database_url, valkey.url, nowhere, key_ring_text) | azure.settings, tmp_path)
        try:
            started.start()
            yield started
        finally:
            started.end()


def add_credential(site: Site, data: dict[str, str]) -> str:
    body = {"name": "Azure prod", "provider": "AZURE", "credentialType": "SERVICE_PRINCIPAL", "credentialData": data}
    answer = site.ask("POST", "/credentials", body)
    assert (answer.status, answer.body["isValid"]) == (201, None)
    return str(answer.body["id"])


def add_resource(site: Site, credential: str, group: str) -> str:
    body = {
        "name": "Gateway",
        "provider": "AZURE",
        "credentialId": credential,
        "resourceType": "NETWORK_SECURITY_GROUP",
        "resourceIdentifier": group,
        "config": {"port": 443},
    }
    answer = site.ask("POST", "/resources", body)
    assert answer.status == 201, answer.body
    return str(answer.body["id"])


def shown(site: Site, path: str) -> Any:
    return site.ask("GET", path).body


def test_azure_credentials_get_the_verdicts_of_the_published_table(site: Site, azure: AzureStandIn) -> None:
    expired = azure.principal()
    azure.give(expired, NETWORK_CONTRIBUTOR, secrets={expired.secret: "expired"})
    good = add_credential(site, azure.credential_data())
    wrong = add_credential(site, azure.credential_data() | {"clientSecret": "not~the.right_secret"})
    old = add_credential(site, expired.credential_data)
    viewer = add_credential(site, azure.credential_data((LOOK, LOOK_AT_RULES, ASK)))
    group = azure.group("gateway")
    resources = [add_resource(site, credential, group) for credential in (good, viewer)]

    def verdicts() -> list[tuple[object, object]]:
        credentials = [shown(site, f"/credentials/{each}") for each in (good, wrong, old, viewer)]
        return [(each["isValid"], each["verificationError"]) for each in credentials]

    write, delete = (f"Microsoft.Network/networkSecurityGroups/securityRules/{right}" for right in ("write", "delete"))
    expected = [
        (True, None),
        (False, SECRET_ROW),
        (False, SECRET_ROW),
        (False, f"AuthorizationFailed: missing {write}, {delete}"),
    ]
    assert eventually(lambda: verdicts() == expected, VERDICT_SECONDS), (verdicts(), site.worker.log)
    assert shown(site, f"/credentials/{good}")["account"] == azure.subscription
    assert shown(site, f"/credentials/{viewer}")["missingPermissions"] == [write, delete]
    assert eventually(lambda: shown(site, f"/resources/{resources[0]}")["isActive"] is True, VERDICT_SECONDS)
    assert shown(site, f"/resources/{resources[1]}")["isActive"] is False
    assert all(secret not in site.worker.log for secret in ("not~the.right_secret", expired.secret, "AADSTS"))


def test_what_an_azure_credential_can_see_is_listed(site: Site, azure: AzureStandIn) -> None:
    group = azure.group("payments")
    credential = add_credential(site, azure.credential_data())
    assert eventually(lambda: shown(site, f"/credentials/{credential}")["isValid"] is True, VERDICT_SECONDS)

    assert eventually(lambda: group in str(shown(site, f"/credentials/{credential}/targets")), VERDICT_SECONDS)
