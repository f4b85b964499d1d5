"""Resources: what can be opened."""

import flask

from api.access import requires

room = flask.Blueprint("resources", __name__, url_prefix="/resources")


@room.get("")
@requires("resources:read")
def table() -> str:
    """All resources"""
    return flask.render_template("resources/table.html")
