"""The main job with Redis refused, hung, killed each second, full, locked and emptied: real processes throughout."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clouds.aws_standin import REGION, AwsStandIn
from tests.databases import fresh_database
from tests.eventually import eventually
from tests.proof.ledger import proven
from tests.proof.neighbours.site import PASSWORD, VERDICT_SECONDS, Site, aws_credential, running_site
from tests.valkey_server import ValkeyServer

# The defaults, which an operator who sets none has.
REGISTRATIONS, SIGN_INS = 5, 10


@pytest.fixture
def site(faulty_redis: ValkeyServer, aws: AwsStandIn, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Started when Redis is in that state already."""
    with (
        fresh_database("sqlite", request, tmp_path) as url,
        running_site(url, faulty_redis.url, aws, tmp_path) as running,
    ):
        yield running


def done(site: Site, status: int, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
    """The body of the answer, which must have that status."""
    answer = site.ask(method, path, body, key)
    assert answer.status == status, answer
    return answer.body


def seconds_to_valid(site: Site, credential_id: str) -> float:
    began = time.monotonic()
    assert eventually(lambda: site.is_valid(credential_id), VERDICT_SECONDS), "no verdict in time"
    return time.monotonic() - began


def test_the_main_job_is_done_and_the_limits_bind(site: Site, aws: AwsStandIn, fault: str) -> None:
    key, group = aws.user(), aws.security_group()
    body = aws_credential(key, "main account")

    made = done(site, 201, "POST", "/credentials", body, key="once")
    assert done(site, 201, "POST", "/credentials", body, key="once")["id"] == made["id"]
    path = f"/credentials/{made['id']}"
    verdict_seconds = seconds_to_valid(site, made["id"])
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
    passed = limits_in_force(site)
    proven(
        "NEIGHBOURS", f"the main job with real processes, Redis {fault}", f"first verdict after {verdict_seconds:.1f} s"
    )
    proven("P12", f"wrong passwords for one account, Redis {fault}", f"{passed} of {SIGN_INS} allowed ones passed")


def limits_in_force(site: Site) -> int:
    """Registering stops exactly at its limit, guessing no later than at its own. How many guesses were looked at."""
    registered = [site.ask("POST", "/auth/register", {}).status for _ in range(REGISTRATIONS + 2)]
    assert registered == [403] * REGISTRATIONS + [429] * 2
    guessed = [site.sign_in(f"not {PASSWORD}").status for _ in range(SIGN_INS + 2)]
    assert set(guessed) == {401, 429} and guessed[-1] == 429
    assert guessed.count(401) <= SIGN_INS
    return guessed.count(401)
