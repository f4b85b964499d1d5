"""Credentials: how EntryGuard reaches the clouds."""

import flask

from api.access import requires

room = flask.Blueprint("credentials", __name__, url_prefix="/credentials")


@room.get("")
@requires("credentials:read")
def table() -> str:
    """All credentials"""
    return flask.render_template("credentials/table.html")
