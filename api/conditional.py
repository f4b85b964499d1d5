"""Changes only if nobody was quicker: `ETag` and `If-Match` (RFC 9110, 13.1.1), made of an object's revision."""

import flask

from api.errors import StaleObject


def etag(revision: int) -> dict[str, str]:
    """The `ETag` header of an object at this revision."""
    return {"ETag": f'"{revision}"'}


def check_if_match(revision: int) -> None:
    """Raises StaleObject where the request at hand names other revisions than this one.

    Called in the transaction that changes the object, with its row locked. Content where no revision is named, and
    where there is no request, as in a command.
    """
    if not flask.has_request_context() or "If-Match" not in flask.request.headers:
        return
    wanted = flask.request.if_match
    if not wanted.star_tag and not wanted.is_strong(str(revision)):
        raise StaleObject
