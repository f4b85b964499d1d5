"""What a first visit brings over the wire, for each page."""

import re
from pathlib import Path
from typing import Any

import pytest

from api.credentials.models import Credential
from tests.api.web.conftest import Visitor
from tests.api.web.resource_forms import seen

pytestmark = pytest.mark.engines("sqlite")

PACKED = {"Accept-Encoding": "gzip"}


def weight(answer: Any) -> int:
    """Its bytes as a browser gets them, with its headers."""
    return len(answer.data) + sum(len(name) + len(value) + 4 for name, value in answer.headers)


def test_every_page_is_light_at_the_first_visit(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential)
    own = [f"/credentials/{credential.id}{rest}" for rest in ("", "/name", "/secret", "/delete")]
    own += [f"/resources/{resource.id}{rest}" for rest in ("", "/edit", "/delete")]
    clouds = [f"/credentials/new?provider={name}" for name in ("AWS", "GCP", "AZURE", "APISIX")]

    for path in ("/sessions", "/sessions/history", "/credentials", "/resources", "/resources/new", *clouds, *own):
        page = ada.get(path, headers=PACKED)
        assert page.status_code == 200, path
        files = re.findall(r'(?:href|src)="(/assets/[^"]+)"', ada.get(path).text)
        weights = {Path(file).name: weight(ada.get(file, headers=PACKED)) for file in files}
        assert weight(page) + sum(weights.values()) < 100_000, path
        assert sum(size for name, size in weights.items() if name.endswith(".js")) < 30_000, path
