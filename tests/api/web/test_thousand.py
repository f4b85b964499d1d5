"""A table of a thousand rows is as light as the first visit. What it costs the server: `benchmarks/pages.py`."""

import pytest

from api.accounts.models import Organisation
from api.database import write
from tests.api.conftest import Caller
from tests.api.web.conftest import Visitor
from tests.rows import make_credential, make_resource

pytestmark = pytest.mark.engines("sqlite")

ROWS = 1000


@pytest.mark.parametrize("path", ["/credentials", "/resources"])
def test_a_thousand_rows_are_as_light_as_a_first_visit(ada: Visitor, admin: Caller, path: str) -> None:
    organisation = Organisation.get_by_id(admin.user.organisation_id)
    with write():
        credential = make_credential(organisation)
        for _ in range(ROWS):
            if path == "/resources":
                make_resource(credential, config={"ports": [80, 443]})
            else:
                make_credential(organisation)

    assert len(ada.get(path, headers={"Accept-Encoding": "gzip"}).data) < 100_000
