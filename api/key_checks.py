"""Whether the key ring is the one that sealed what is in the database, asked before anything is opened or sealed."""

import hmac
from collections.abc import Collection, Mapping

from api.key_ring import KeyRing, KeyRingError


class WrongKey(KeyRingError):
    """A key in the ring has the id of the key that was used, and is another one."""

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"{key_id} in the key ring is not the key that this database was sealed with under that id. "
            "Put the right key ring back."
        )
        self.key_id = key_id


class MissingKeys(KeyRingError):
    """Secrets are sealed with keys that the ring does not hold."""

    def __init__(self, key_ids: Collection[str]) -> None:
        super().__init__(
            f"The key ring lacks {', '.join(sorted(key_ids))}, which secrets in this database are sealed with. "
            "Put the right key ring back."
        )
        self.key_ids = frozenset(key_ids)


def verify_against(key_ring: KeyRing, recorded: Mapping[str, bytes], in_use: Collection[str]) -> dict[str, bytes]:
    """Compare the ring with what the database recorded, and answer what it has yet to record.

    recorded: the check values by key id, written when each key was first seen. in_use: the ids of the keys that sealed
    any row. Returns the check values of the ring's keys that are not recorded.
    Raises WrongKey where a key is not the recorded one, MissingKeys where one that is in use is not in the ring.
    """
    values = {key_id: key_ring.check_value(key_id) for key_id in key_ring.key_ids}
    for key_id, value in values.items():
        if key_id in recorded and not hmac.compare_digest(bytes(recorded[key_id]), value):
            raise WrongKey(key_id)
    if missing := set(in_use) - set(values):
        raise MissingKeys(missing)
    return {key_id: value for key_id, value in values.items() if key_id not in recorded}
