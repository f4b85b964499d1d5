"""The secret of a credential: where it comes from, and what is remembered of it."""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pulumi_entryguard.errors import UnusableInput
from pulumi_entryguard.values import differ, is_unknown

DATA = "credentialData"
DATA_ENV = "credentialDataEnv"
DATA_FILE = "credentialDataFile"
DATA_VERSION = "credentialDataVersion"
SOURCES = (DATA, DATA_ENV, DATA_FILE)
DIGEST = "credentialDataDigest"
WRITTEN_VERSION = "writtenSecretVersion"

# 16 MiB and some 50 ms for a digest: it lies encrypted in the state, and even in the clear it would not help to guess.
# N, r and p are what RFC 7914 and OWASP name for interactive use.
SCRYPT = {"n": 2**14, "r": 8, "p": 1}
MAX_FILE_BYTES = 64 * 1024
SHORTEST_SECRET = 6  # shorter values are not masked in messages: they would tear words apart


def source(props: Mapping[str, Any]) -> str | None:
    """Which of the three inputs brings the secret; None if none does."""
    return next((name for name in SOURCES if props.get(name) is not None), None)


def secret_changed(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether the secret must be sent (again): it, its source or its version changed, or the server holds another."""
    found = source(news)
    if found is None:
        return False
    if any(differ(olds.get(name), news.get(name)) for name in (DATA_ENV, DATA_FILE, DATA_VERSION)):
        return True
    if found == DATA and not _remembered(olds.get(DIGEST), news[DATA]):
        return True
    written = olds.get(WRITTEN_VERSION)
    return written is not None and olds.get("secretVersion") != written


def load(props: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The secret itself. Raises UnusableInput, which never quotes it, for what is not there or not readable."""
    match source(props):
        case "credentialDataEnv":
            return {key: _from_environment(key, name, environment) for key, name in props[DATA_ENV].items()}
        case "credentialDataFile":
            return _from_file(Path(props[DATA_FILE]).expanduser())
        case _:
            return dict(props[DATA])


def digest(data: Mapping[str, Any], salt: bytes | None = None) -> str:
    """What is remembered of a secret: enough to see that it changed, useless to anybody else."""
    salt = salt or secrets.token_bytes(16)
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
    return f"scrypt:{salt.hex()}:{hashlib.scrypt(canonical, salt=salt, **SCRYPT).hex()}"


def secret_values(data: Any) -> Iterator[str]:
    """Every text in it that is long enough to be looked for in a message."""
    if isinstance(data, Mapping):
        for held in data.values():
            yield from secret_values(held)
    elif isinstance(data, str) and len(data) >= SHORTEST_SECRET:
        yield data


def _remembered(old_digest: Any, data: Mapping[str, Any]) -> bool:
    if is_unknown(data) or not isinstance(old_digest, str) or old_digest.count(":") != 2:
        return False
    return hmac.compare_digest(old_digest, digest(data, bytes.fromhex(old_digest.split(":")[1])))


def _from_environment(key: str, name: str, environment: Mapping[str, str]) -> str:
    if value := environment.get(name):
        return value
    raise UnusableInput(f"the environment variable {name} (credential_data_env, {key}) is not set where pulumi runs")


def _from_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as opened:
            text = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UnusableInput(f"credential_data_file {path} can't be read: {error.strerror}") from None
    try:
        data = json.loads(text) if len(text) <= MAX_FILE_BYTES else None
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise UnusableInput(f"credential_data_file {path} does not hold one JSON object of at most 64 KiB")
    return data
