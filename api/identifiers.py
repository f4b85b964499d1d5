"""Ids as they stand in paths and bodies."""

import re
import uuid

from api.errors import NotFound

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def parse(text: str, missing: type[NotFound]) -> uuid.UUID:
    """The id in its canonical form (RFC 9562, section 4). A malformed one names nothing: raises `missing(text)`."""
    if not _CANONICAL.fullmatch(text):
        raise missing(text)
    return uuid.UUID(text)
