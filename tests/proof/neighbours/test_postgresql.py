"""PostgreSQL restarted, cut off, full, locked, deaf or demoted under load: 503 or right, and back by itself."""

import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from api.audit_log.models import AuditEntry
from api.credentials.models import Credential, CredentialSecret
from api.database import bind, connection, database
from tests.api.conftest import HIGH_LIMITS
from tests.clouds.aws_standin import AwsStandIn
from tests.eventually import eventually
from tests.proof.ledger import proven
from tests.proof.neighbours.careful_callers import CarefulCallers
from tests.proof.neighbours.postgresql_faults import FAULTS, OwnPostgresql, own_postgresql
from tests.proof.neighbours.site import Site, running_site
from tests.valkey_server import ValkeyServer, running_valkey

WELL_SECONDS = 1.0
RECOVERED_SECONDS = 10
# A claim whose answer was lost is nobody's: its row is free when the lease of 20 s has run out.
VERDICTS_SECONDS = 30


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgresql]:
    with own_postgresql() as running:
        yield running


@pytest.fixture(scope="module")
def redis() -> Iterator[ValkeyServer]:
    with running_valkey() as running:
        yield running


@pytest.fixture(scope="module")
def site(
    server: OwnPostgresql, redis: ValkeyServer, aws: AwsStandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """One for all faults: it has come back from each by itself, or the next test fails."""
    settings = {"ENTRYGUARD_RATE_LIMITS": HIGH_LIMITS}
    with running_site(server.url, redis.url, aws, tmp_path_factory.mktemp("site"), **settings) as running:
        yield running


@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_answer_is_right_or_503_and_the_server_comes_back_by_itself(
    fault: str, server: OwnPostgresql, site: Site, aws: AwsStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    callers = CarefulCallers(site, aws.user(), fault)
    callers.start()
    try:
        time.sleep(WELL_SECONDS)
        FAULTS[fault](server)
        ended_at = time.monotonic()
        assert eventually(lambda: site.ask("GET", "/credentials").status == 200, RECOVERED_SECONDS)
        recovered_seconds = time.monotonic() - ended_at
        time.sleep(WELL_SECONDS)
    finally:
        callers.stop()

    assert callers.statuses[503] > 0, "the fault was felt"
    assert set(callers.statuses) <= {200, 201, 204, 404, 503}
    bind(server.url)
    with connection():
        assert eventually(_all_are_valid, VERDICTS_SECONDS), site.worker.log
        verdict_seconds = time.monotonic() - ended_at
        _check_nothing_half_done(callers)
    database.close_all()
    back = f"back after {recovered_seconds:.1f} s, last verdict after {verdict_seconds:.1f} s"
    proven("NEIGHBOURS", f"careful callers while PostgreSQL is {fault}", f"{callers.told}; {back}")
    with capsys.disabled():
        sys.stdout.write(f"\n{fault}: {callers.told}; {back}\n")


def _all_are_valid() -> bool:
    return not Credential.select().where(Credential.is_valid.is_null() | ~Credential.is_valid).exists()


def _check_nothing_half_done(callers: CarefulCallers) -> None:
    """Each object that was answered for is there once, whole and audited once; nothing else is."""
    names = {str(row.id): row.name for row in Credential.select()}
    secrets = Counter(str(row.credential_id) for row in CredentialSecret.select())
    created = AuditEntry.select().where(AuditEntry.event_type == "CREDENTIAL_CREATE")
    audited = Counter(row.resource_id for row in created)
    assert names.items() >= callers.kept.items()
    assert not names.keys() & callers.deleted
    assert len(set(names.values())) == len(names), "none was made twice"
    assert secrets == dict.fromkeys(names, 1)
    assert set(audited.values()) == {1}
    assert audited.keys() >= names.keys() | callers.deleted
