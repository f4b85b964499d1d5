"""A place to seal to, places that are not it, and damage to what is sealed."""

import dataclasses
import uuid
from typing import Any

from api.key_ring import KeyRing
from api.secret import Secret
from api.vault import Sealed, SealName

NAME = SealName(
    purpose="credential",
    organisation_id=uuid.UUID("0b1f7a52-3d5e-4c1f-9a77-1f0e6c2b9d10"),
    credential_id=uuid.UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    field="data",
    version=3,
)
PLAIN = Secret.of_json({"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "canary-51c0f3"})
PARTS = ("wrapped_key", "sealed_data")
RING = KeyRing.fresh("key-1").with_added("key-2")
ELSEWHERE = {
    "another organisation": dataclasses.replace(NAME, organisation_id=uuid.uuid4()),
    "another credential": dataclasses.replace(NAME, credential_id=uuid.uuid4()),
    "another field": dataclasses.replace(NAME, field="dato"),
    "no field": dataclasses.replace(NAME, field=""),
    "another purpose": dataclasses.replace(NAME, purpose="session"),
    "an older version": dataclasses.replace(NAME, version=2),
    "a newer version": dataclasses.replace(NAME, version=4),
    "organisation and credential exchanged": dataclasses.replace(
        NAME, organisation_id=NAME.credential_id, credential_id=NAME.organisation_id
    ),
    "a letter moved from the purpose to the field": dataclasses.replace(NAME, purpose="credentia", field="ldata"),
    "purpose and field exchanged": dataclasses.replace(NAME, purpose=NAME.field, field=NAME.purpose),
}


def with_part(sealed: Sealed, part: str, content: bytes) -> Sealed:
    changes: dict[str, Any] = {part: content}
    return dataclasses.replace(sealed, **changes)


def with_bit_flipped(content: bytes, bit: int) -> bytes:
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)
