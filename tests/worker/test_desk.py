"""In which order a worker serves what is equally urgent."""

from datetime import timedelta
from pathlib import Path

import pytest

from api.claims import claim
from api.database import current_time
from api.due import Priority
from api.settings import Settings
from tests.rows import make_credential, make_due, make_resource, make_session, make_target
from tests.served_api import settings_in
from tests.worker.bench import a_vault
from worker.desk import desk_for

pytestmark = pytest.mark.usefixtures("db")


def test_who_has_had_his_time_is_shut_out_before_slow_clouds_are_asked(tmp_path: Path) -> None:
    credential = make_credential(is_valid=True)
    for _ in range(3):
        make_due(make_target(credential), priority=Priority.REVOKE)
    over = make_session(
        credential.organisation_id,
        make_resource(credential),
        due_at=current_time() - timedelta(seconds=1),
        due_priority=Priority.REVOKE,
    )
    settings = Settings.from_environment(settings_in(tmp_path))
    desk = desk_for(settings, a_vault())

    first = claim(desk.models, (Priority.REVOKE,))

    assert first is not None and first.row_id == over.id
