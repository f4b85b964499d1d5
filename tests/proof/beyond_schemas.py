"""Why a request may be refused although its schema allows it: what a JSON schema cannot say, or not legibly.

Such a refusal must give one of these reasons, and no other.
"""

import re
from typing import Any

_CODES = {
    "LAST_ADMIN": "depends on who else is there",
    "CREDENTIAL_IN_USE": "depends on what is open",
    "RESOURCE_IN_USE": "depends on what is open",
    "VERIFICATION_FAILED": "depends on what the cloud says",
    "UNSAFE_URL": "depends on where a URL leads to",
    "SESSION_LIMIT_REACHED": "depends on what is open",
    "DURATION_EXCEEDED": "depends on tier, roles and resources",
}
_SENTENCES = {
    r"Not a cursor of this list\.": "only the server knows what it has handed out",
    r"region is required(| for \w+ (credentials|resources))": "depends on the credential's provider",
    r"Must not contain control characters\.": "a pattern of all marks that reorder text could not be read",
    r"Must be an e-mail address\.": "of which no pattern is right and legible",
    r"Must be a network like 203\.0\.113\.0/24, with no bits set behind the prefix\.": "arithmetic",
    r"must be in the future": "depends on when it is asked",
    r"Must be a UTC time like .*": "date-time allows other zones, fractions and leap seconds",
    r"The request body holds a (NUL character|number that is too large)\.": "true of every text and number",
    r"The request body holds half a character \(a lone surrogate\)\.": "true of every text",
    r"Not a valid integer\.": "to a JSON schema 5.0 is an integer",
    r".* must be a whole number from \d+ to \d+": "to a JSON schema 5.0 is an integer",
    r"(Shorter than minimum length|Length must be between) .*": "counted without the margins, which are cut off",
    r"credentialData\S* .*": "depends on the provider",
    r"must be [A-Z_]+": "the credential type depends on the provider",
    r"provider .*": "depends on the credential",
    r"resourceType .*": "depends on the provider",
    r"resourceIdentifier .*": "depends on the provider",
    r"durationHours and durationMinutes exclude each other": "a schema that says so is not legible",
    r"durationHours or durationMinutes is required": "a schema that says so is not legible",
    r"a session lasts \d+ seconds at least": "depends on the server's settings",
    r"Must be an IPv[46] address, or a network of such\.": "arithmetic",
    r"must be a single address.*": "depends on the organisation",
    r".* is no public address, and this server is not told to let it in: ask .*": "depends on the server's settings",
    r"This is (not an IP address|neither an IP address nor a network like .*)\.": "arithmetic",
    r"This proof is not yours, or older than 60 s\. .*": "depends on who asks, and when",
    r"one of each IP version": "depends on what the proofs show",
    r"There is no resource that you may open\. .*": "depends on what is there",
    r"Name ipv4Address or ipv6Address: .*": "depends on whose the session is",
    r"This key is a user's: .*": "depends on whose the key is",
    r"config\S* .*": "depends on the provider, and on the other options",
}
_ALLOWED = re.compile("|".join(f"(?:{sentence})" for sentence in _SENTENCES))


def gives_another_reason(answer: Any) -> bool:
    """Whether the body of a refusal says something that a schema could have said."""
    if answer["error"] in _CODES:
        return False
    reasons = [reason for told in answer.get("details", {}).values() for reason in told] or [answer["message"]]
    return not all(_ALLOWED.fullmatch(reason) for reason in reasons)
