"""The main job with Redis refused, hung, killed each second, full, locked and emptied: real processes throughout."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.clouds.aws_standin import REGION, AwsStandIn
from tests.databases import fresh_database
from tests.eventually import eventually
from tests.proof.ledger import proven
from tests.proof.neighbours.redis_faults import FAULTS
from tests.proof.neighbours.site import VERDICT_SECONDS, Site, aws_credential, running_site
from tests.valkey_server import ValkeyServer, running_valkey

GUESSES = 4


@pytest.fixture(scope="module")
def redis() -> Iterator[ValkeyServer]:
    with running_valkey("a password") as server:
        yield server


@pytest.fixture(scope="module")
def site(
    redis: ValkeyServer, aws: AwsStandIn, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """One for all faults, started while Redis hangs."""
    limits = {"ENTRYGUARD_RATE_LIMITS": f"login-name={GUESSES}/minute; login=1000/minute"}
    folder = tmp_path_factory.mktemp("site")
    with fresh_database("sqlite", request, folder) as url, ExitStack() as stack:
        with FAULTS["hung"](redis):
            running = stack.enter_context(running_site(url, redis.url, aws, folder, **limits))
        yield running


def done(site: Site, status: int, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
    """The body of the answer, which must have that status."""
    answer = site.ask(method, path, body, key)
    assert answer.status == status, answer
    return answer.body


@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", FAULTS)
def test_the_main_job_is_done_and_the_limits_bind(fault: str, site: Site, redis: ValkeyServer, aws: AwsStandIn) -> None:
    with FAULTS[fault](redis):
        verdict_seconds = _do_the_main_job(site, aws)
        guessed = [site.sign_in(f"{fault}@example.com", "a guess").status for _ in range(GUESSES + 3)]

    assert guessed == [401] * GUESSES + [429] * 3
    proven("NEIGHBOURS", f"the main job with real processes, Redis {fault}", f"verdict after {verdict_seconds:.1f} s")
    proven("P12", f"guesses at one account, Redis {fault}", f"{GUESSES} of {GUESSES} allowed ones passed, no other")


def _do_the_main_job(site: Site, aws: AwsStandIn) -> float:
    """Create, verify, list, protect, rotate and delete. The seconds from the first credential to its verdict."""
    key, group = aws.user(), aws.security_group()
    body = aws_credential(key, group)
    made = done(site, 201, "POST", "/credentials", body, key=group)
    began = time.monotonic()
    assert done(site, 201, "POST", "/credentials", body, key=group)["id"] == made["id"]
    path = f"/credentials/{made['id']}"
    assert eventually(lambda: site.is_valid(made["id"]), VERDICT_SECONDS), "no verdict in time"
    verdict_seconds = time.monotonic() - began
    assert [shown["id"] for shown in done(site, 200, "GET", "/credentials")] == [made["id"]]

    of_it = {"name": "gateway", "credentialId": made["id"], "provider": "AWS", "resourceType": "SECURITY_GROUP"}
    resource = done(site, 201, "POST", "/resources", {**of_it, "resourceIdentifier": group, "region": REGION})
    of_resource = f"/resources/{resource['id']}"
    assert eventually(lambda: done(site, 200, "GET", of_resource)["isActive"] is True, VERDICT_SECONDS)

    another = aws.another_key(key.user)
    assert done(site, 200, "PATCH", path, {"credentialData": another.credential_data})["pendingUpdate"]
    assert eventually(lambda: done(site, 200, "GET", path).get("pendingUpdate") is None, VERDICT_SECONDS)
    aws.deactivate(key)
    assert done(site, 200, "POST", f"{path}/verify?wait=true")["isValid"] is True

    done(site, 204, "DELETE", of_resource)
    done(site, 204, "DELETE", path)
    done(site, 404, "GET", path)
    return verdict_seconds
