"""Those who act upon the services."""

import pytest

from api.accounts.models import User
from api.actor import Actor
from tests.api.accounts.acting import administrator, as_user


@pytest.fixture
def ada(db: str) -> User:
    """The administrator of Acme."""
    return administrator()


@pytest.fixture
def by_ada(ada: User) -> Actor:
    return as_user(ada)
