"""Proofs of an address: where somebody was seen asking from, signed, and good for a minute and for him alone.

A connection shows one address. Who has an IPv4 and an IPv6 address asks once over each, and brings the proofs along.
A proof is `v1.<seconds since 1970>.<address in hexadecimal digits>.<HMAC-SHA256>`; what is signed changes only with
another version in front.
"""

import hmac
import ipaddress
import re
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from api.errors import InvalidInput
from api.network import Address
from api.secret import Secret

GOOD_FOR_SECONDS = 60

_SHAPE = re.compile(r"v1\.([0-9]{1,11})\.([0-9a-f]{8}|[0-9a-f]{32})\.[0-9a-f]{64}")
_PURPOSE = b"entryguard: proof of an address, v1"
_REFUSAL = "This proof is not yours, or older than 60 s. Ask GET /detect-ip for a new one."


def proof_of(address: Address, caller: str, moment: datetime, cookie_secret: Secret) -> str:
    """The proof that `caller` was seen at `address` just now."""
    return _signed(address, caller, int(moment.timestamp()), cookie_secret)


def proven(proof: str, caller: str, moment: datetime, cookie_secret: Secret) -> Address:
    """The address that a proof of this caller's shows. Raises InvalidInput, with one sentence for every reason."""
    found = _SHAPE.fullmatch(proof)
    if found:
        seconds, address = int(found[1]), ipaddress.ip_address(bytes.fromhex(found[2]))
        is_ours = hmac.compare_digest(proof, _signed(address, caller, seconds, cookie_secret))
        if is_ours and 0 <= int(moment.timestamp()) - seconds < GOOD_FOR_SECONDS:
            return address
    raise InvalidInput(_REFUSAL, {"proofs": [_REFUSAL]})


def _signed(address: Address, caller: str, seconds: int, cookie_secret: Secret) -> str:
    said = f"v1.{seconds}.{address.packed.hex()}"
    return f"{said}.{hmac.digest(_key(cookie_secret), f'{said} {caller}'.encode(), 'sha256').hex()}"


def _key(cookie_secret: Secret) -> bytes:
    """A key for nothing else.

    Of the secret for cookies, since a proof is like one: handed out, brought back, and worth nothing a minute later.
    The audit key has to stay for as long as what it signed is kept, and must not be changed for the sake of this.
    """
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(cookie_secret.reveal())
