"""Sessions: letting oneself in."""

import flask

from api.access import requires

room = flask.Blueprint("sessions", __name__, url_prefix="/sessions")


@room.get("")
@requires("sessions:read")
def table() -> str:
    """What is open, and what can be opened"""
    return flask.render_template("sessions/table.html")
