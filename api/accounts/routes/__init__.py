"""The accounts' rooms, each with its path."""

from api.accounts.routes import api_keys, organization, sign_in, users
from api.room import Room

ROOMS: tuple[tuple[Room, str], ...] = (
    (sign_in.room, "/auth"),
    (organization.room, "/organization"),
    (users.room, "/users"),
    (api_keys.room, "/api-keys"),
)
