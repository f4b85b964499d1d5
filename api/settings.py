"""The settings: read once from `ENTRYGUARD_<NAME>` or a file named by `ENTRYGUARD_<NAME>_FILE`, checked, and frozen.

No secret has a default: what is missing or nonsense stops the start with a sentence.
"""

import ipaddress
import os
import re
import ssl
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn

from api.limit_table import OFF, table
from api.secret import Secret

PREFIX = "ENTRYGUARD_"
MINIMUM_SECRET_BYTES = 32
# In what examples and defaults set for a secret, and next to never in a random one.
_TOLD_BY_EXAMPLES = (
    *("secret", "password", "default", "example", "insecure", "entryguard", "0123456789", "abcdefghij"),
    *("changeme", "change-me", "change_me"),
)
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")
# The client's own settings, which may stand in the same environment; and those that only `dev` reads.
_KNOWN_ELSEWHERE = frozenset({"ENDPOINT", "TOKEN", "API_KEY", "ADMIN_EMAIL", "ADMIN_PASSWORD", "ADMIN_ORGANIZATION"})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(Exception):
    """A setting is missing or cannot be used; the message says which, and what to do, without its value."""


def _secret(value: str) -> Secret:
    secret = Secret(value.strip().encode())
    if len(secret.reveal()) < MINIMUM_SECRET_BYTES:
        raise ValueError(f"must have {MINIMUM_SECRET_BYTES} bytes or more, made by a random generator")
    text = value.lower()
    if len(set(secret.reveal())) < 8 or any(told in text for told in _TOLD_BY_EXAMPLES):
        raise ValueError("is not random: make one with `openssl rand -base64 48`")
    return secret


def _raw(value: str) -> Secret:
    return Secret(value.encode())


def _database_url(value: str) -> str:
    if value.startswith("sqlite:///"):
        if value.removeprefix("sqlite:///") in ("", ":memory:"):  # a database of its own for each connection
            raise ValueError("must name a file, as sqlite:////var/lib/entryguard/entryguard.sqlite does")
        return value
    if not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with sqlite:/// or postgresql://")
    try:
        parse_dsn(value.replace("postgres://", "postgresql://", 1))
    except ProgrammingError:  # its text, in which a password may stand, must not wait for the first connection
        raise ValueError("is not a URL that PostgreSQL reads; a % in its password is written %25") from None
    return _with_usable_port(value)


def _redis_url(value: str) -> str:
    if not value.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must start with redis://, rediss:// or unix://")
    return _with_usable_port(value)


def _with_usable_port(url: str) -> str:
    """Raises ValueError for a port that is none. The parser's own error may hold a part of a password."""
    try:
        urllib.parse.urlsplit(url).port  # noqa: B018 - reading it is the check
    except ValueError:
        raise ValueError("is not a URL") from None
    return url


def _url(value: str) -> str:
    parts = urllib.parse.urlsplit(_with_usable_port(value))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL like https://entryguard.example.com")
    return value.rstrip("/")


def _certificates(value: str) -> Path:
    path = Path(value)
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):
        raise ValueError("must name a file of certificates in PEM form") from None
    return path


def _region(value: str) -> str:
    if not _REGION.fullmatch(value):
        raise ValueError("must be a region of AWS like us-gov-west-1")
    return value


def _tier(value: str) -> str:
    if value not in ("FREE", "PAID"):
        raise ValueError("must be FREE or PAID")
    return value


def _switch(value: str) -> bool:
    words = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
    if value.lower() not in words:
        raise ValueError("must be on or off")
    return words[value.lower()]


def _rate_limits(value: str) -> str:
    table(value)
    return value


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in value.split(","))
    except ValueError:
        raise ValueError("must be networks like 10.0.0.0/8, with commas between them") from None


def _number(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        number = int(value) if value.isascii() and value.isdigit() else -1
        if not least <= number <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return number

    return parse


def _setting(parse: Callable[[str], Any], meaning: str, **how: Any) -> Any:
    return field(metadata={"parse": parse, "meaning": meaning}, **how)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that an operator can set. `entryguard-server settings` lists them."""

    # Passwords may stand in the two URLs.
    database_url: str = _setting(_database_url, "where the data is: sqlite:///file or postgresql://…", repr=False)
    redis_url: str = _setting(_redis_url, "Redis or Valkey: redis://… or unix://…", repr=False)
    jwt_secret: Secret = _setting(_secret, "signs access and refresh tokens")
    audit_key: Secret = _setting(_secret, "signs the audit trail and the hashes of idempotent requests")
    cookie_secret: Secret = _setting(_secret, "signs the cookies of the web pages")
    key_ring_file: Path | None = _setting(Path, "the file of key-encryption keys, one id:base64 a line", default=None)
    key_ring: Secret | None = _setting(_raw, "the key-encryption keys themselves, where there is no file", default=None)
    public_url: str = _setting(_url, "how users reach the server", default="http://127.0.0.1")
    trusted_proxies: int = _setting(_number(0, 10), "how many proxies stand before the server", default=0)
    open_registration: bool = _setting(_switch, "whether anybody may register an organisation", default=False)
    default_tier: str = _setting(_tier, "the tier of a new organisation: FREE or PAID", default="PAID")
    rate_limits: str = _setting(
        _rate_limits, "limits by name, such as `login=10/minute;write=60/minute`; or off", default=""
    )
    aws_endpoint_url: str | None = _setting(_url, "AWS: another endpoint than the public ones", default=None)
    aws_region: str = _setting(
        _region, "AWS: the region to ask where no resource names one; it also tells the partition", default="us-east-1"
    )
    gcp_token_url: str | None = _setting(_url, "GCP: another token endpoint", default=None)
    gcp_compute_url: str | None = _setting(_url, "GCP: another Compute Engine endpoint", default=None)
    gcp_resource_manager_url: str | None = _setting(_url, "GCP: another Resource Manager endpoint", default=None)
    azure_authority_url: str | None = _setting(_url, "Azure: another authority", default=None)
    azure_resource_manager_url: str | None = _setting(_url, "Azure: another Resource Manager endpoint", default=None)
    ca_bundle: Path | None = _setting(_certificates, "certificates to trust in calls to the clouds", default=None)
    allowed_private_networks: tuple[Network, ...] = _setting(
        _networks, "private networks that may be called, such as an APISIX gateway's", default=()
    )
    session_allowed_networks: tuple[Network, ...] = _setting(
        _networks, "private networks whose addresses may be let in", default=()
    )
    reverify_minutes: int = _setting(_number(1, 1440), "how often everything is verified again", default=30)
    drift_minutes: int = _setting(_number(1, 1440), "how often rules are compared with the clouds", default=10)
    session_default_minutes: int = _setting(_number(1, 1440), "a session's length where none is asked for", default=120)
    session_min_seconds: int = _setting(_number(1, 3600), "the shortest session", default=60)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read and check all settings. Raises SettingsError with a sentence that names the setting."""
        names = {setting.name.upper(): setting for setting in fields(cls)}
        given = _given(environ, frozenset(names))
        values = {}
        for name, setting in names.items():
            if name in given:
                values[setting.name] = _parsed(name, given[name], setting.metadata["parse"])
            elif setting.default is MISSING:
                raise SettingsError(f"{PREFIX}{name} is not set: {setting.metadata['meaning']}.")
        settings = cls(**values)
        settings._check_together()
        return settings

    def _check_together(self) -> None:
        if (self.key_ring is None) == (self.key_ring_file is None):
            raise SettingsError(f"Set {PREFIX}KEY_RING_FILE or else {PREFIX}KEY_RING: the keys that seal the secrets.")
        secrets = [self.jwt_secret.reveal(), self.audit_key.reveal(), self.cookie_secret.reveal()]
        if self.key_ring is not None:
            secrets.append(self.key_ring.reveal())
        if len(set(secrets)) != len(secrets):
            raise SettingsError(
                f"{PREFIX}JWT_SECRET, {PREFIX}AUDIT_KEY, {PREFIX}COOKIE_SECRET and {PREFIX}KEY_RING must all differ."
            )
        if self.rate_limits == OFF and not self.database_url.startswith("sqlite:"):
            raise SettingsError(f"{PREFIX}RATE_LIMITS may be off only with a SQLite database.")


def _given(environ: Mapping[str, str], known: frozenset[str]) -> dict[str, str]:
    """The settings' texts by name. Raises SettingsError for an unknown, empty or doubled one."""
    given: dict[str, str] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX)
        from_file = name.endswith("_FILE") and name not in known
        name = name.removesuffix("_FILE") if from_file else name
        if name in _KNOWN_ELSEWHERE:
            continue
        if name not in known:
            raise SettingsError(f"{variable} is not a setting. `entryguard-server settings` lists them all.")
        if name in given:
            raise SettingsError(f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set. Keep one.")
        given[name] = _read(variable, value) if from_file else value
        if not given[name].strip():
            raise SettingsError(f"{variable} is empty. Give it a value or leave it out.")
    return given


def _read(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{variable} names a file that cannot be read ({type(error).__name__}).") from None


def _parsed(name: str, value: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(value)
    except UnicodeError:  # its text would show a part of the value
        raise SettingsError(f"{PREFIX}{name} is not UTF-8 text.") from None
    except ValueError as error:
        raise SettingsError(f"{PREFIX}{name} {error}.") from None
