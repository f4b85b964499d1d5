"""Who acts: a person, an API key, or EntryGuard itself."""

import uuid
from dataclasses import dataclass
from typing import Literal, Self

Kind = Literal["USER", "API_KEY", "SYSTEM"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who was found to be who he says, as far as the server needs him.

    caller: a stable name of this user or key, for limits and idempotency keys. scopes: None for a person, who may do
    what the role allows. email: of the person, or the key's name. user_id: None for the organisation's own keys and for
    SYSTEM. login_id, key_id: what a person, or a pipeline, identified himself with.
    """

    kind: Kind
    organisation_id: uuid.UUID | None
    caller: str
    email: str | None = None
    user_id: uuid.UUID | None = None
    name: str | None = None
    role: str | None = None
    scopes: frozenset[str] | None = None
    login_id: uuid.UUID | None = None
    key_id: uuid.UUID | None = None
    tier: str | None = None
    ip_address: str | None = None
    request_id: str | None = None

    @classmethod
    def system(cls, organisation_id: uuid.UUID | None) -> Self:
        """EntryGuard itself, acting for an organisation."""
        return cls(kind="SYSTEM", organisation_id=organisation_id, caller="system")

    @property
    def organisation(self) -> uuid.UUID:
        """The organisation whose objects exist for this actor."""
        if self.organisation_id is None:
            raise LookupError("this actor belongs to no organisation")
        return self.organisation_id
