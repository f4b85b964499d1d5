"""Two gateways behind one host name: a route of the one is no route of the other, whatever its id."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.accounts.models import Organisation
from api.clouds import Endpoints
from api.credentials import secrets
from api.credentials.models import Credential
from api.database import current_time, write
from api.due import want
from api.secret import Secret
from api.sessions.models import Session
from tests.clouds.apisix_standin import ApisixStandIn
from tests.clouds.test_apisix_promises import ApisixSite
from tests.rows import fresh, make_credential
from tests.worker.bench import HERE, Bench, bench_at, keep_secret, resource_on, status
from worker.connections import Connections
from worker.desk import Desk, Expirer
from worker.reconcile import Reconciler
from worker.verify import Verifier

# What depends on the engine is tested with a made-up cloud, on both.
pytestmark = pytest.mark.engines("sqlite")

THEIRS = "198.51.100.7"


@pytest.fixture
def other(apisix: ApisixStandIn) -> Iterator[ApisixStandIn]:
    with ApisixStandIn() as standin:
        yield standin


@pytest.fixture
def bench(db: str, apisix: ApisixStandIn, other: ApisixStandIn, at_apisix: Endpoints, tmp_path: Path) -> Bench:
    """At the first gateway, which both have a route of this id; the worker verifies credentials too."""
    authorities = tmp_path / "authorities.pem"
    authorities.write_text("".join(each.ca_bundle.read_text() for each in (apisix, other)))
    endpoints = replace(at_apisix, ca_bundle=authorities)
    bench = bench_at(ApisixSite(apisix, endpoints))
    other.ask("PUT", bench.target.identifier, {"plugins": {"ip-restriction": {"whitelist": [THEIRS]}}})
    connections = Connections(bench.vault, endpoints)
    bench.worker = Desk(Verifier(connections, 1800), Reconciler(connections, 600), Expirer())
    verify(bench, bench.credential)
    return bench


def verify(bench: Bench, credential: Credential) -> Credential:
    with write():
        want(Credential, Credential.id == credential.id)
    bench.serve()
    return fresh(credential)


def opened(bench: Bench, other: ApisixStandIn) -> Session:
    """A session on the route of the other gateway."""
    credential = make_credential(
        Organisation.get_by_id(bench.credential.organisation_id), provider="APISIX", credential_type="API_KEY"
    )
    with write():
        keep_secret(credential, 1, other.credential_data(), bench.vault)
    verify(bench, credential)
    return bench.open(HERE, resource_on(credential, bench.target))


def test_each_lets_in_and_closes_for_itself(bench: Bench, apisix: ApisixStandIn, other: ApisixStandIn) -> None:
    route = bench.target.identifier
    here, there = bench.open(HERE), opened(bench, other)

    bench.serve()

    assert status(here) == status(there) == ("ACTIVE", "APPLIED")
    assert apisix.whitelist(route) == other.whitelist(route) == [THEIRS, HERE]
    bench.end(here)
    bench.serve()
    assert (apisix.whitelist(route), other.whitelist(route)) == ([THEIRS], [THEIRS, HERE])


def test_a_key_of_the_other_does_not_strand_rules(bench: Bench, other: ApisixStandIn) -> None:
    session = bench.open(HERE)
    bench.serve()
    sent = {"secret_version": 2, "candidate_status": "VERIFYING", "candidate_since": current_time()}
    with write():
        Credential.update(sent).where(Credential.id == bench.credential.id).execute()
        data = Secret.of_json(other.credential_data())
        secrets.keep(bench.credential, 2, secrets.CANDIDATE, data, bench.vault, current_time())

    after = verify(bench, bench.credential)

    assert after.candidate_status == "REJECTED"
    assert str(after.candidate_error).startswith("OtherAccount: ")
    assert status(session) == ("ACTIVE", "APPLIED")
