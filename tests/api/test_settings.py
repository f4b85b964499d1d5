"""Settings: read once, checked, and every nonsense refused with a sentence that shows no secret."""

import base64
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.commands import main
from api.limit_table import DEFAULTS, table
from api.settings import PREFIX, Settings, SettingsError
from tests.api.conftest import random_key
from tests.proof.ledger import proven

CANARY = "canary-4f2a91-with-more-than-32-bytes-of-it"


WRITTEN_EVERYWHERE = [
    "change-me-change-me-change-me-change-me",
    "CHANGEME-please-before-going-to-production",
    "please_change_me_to_something_long_0x7",
    "your-256-bit-secret-your-256-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "super-secret-key-that-nobody-may-know",
    "SuperSecretKeyForDevelopmentOnly1234567890",
    "correct horse battery staple password",
    "django-insecure-0c5k!q8w^z7v2m3n4b5x6l",
    "the-default-key-of-all-our-servers-2026",
    "entryguard-entryguard-jwt-key-for-local-use",
    "this-is-an-example-and-not-to-be-used!",
    "0123456789abcdef0123456789abcdef",
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP",
]


@pytest.fixture
def given() -> dict[str, str]:
    """The least that a server needs."""
    return {
        "ENTRYGUARD_DATABASE_URL": "sqlite:////var/lib/entryguard/entryguard.sqlite",
        "ENTRYGUARD_REDIS_URL": "redis://127.0.0.1:6379",
        "ENTRYGUARD_KEY_RING": f"first:{base64.b64encode(os.urandom(32)).decode()}",
        **{f"ENTRYGUARD_{name}": random_key() for name in ("JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET")},
    }


def refusal(given: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment(given)
    return str(refused.value)


def test_the_least_is_enough_and_the_defaults_are_the_contracts(given: dict[str, str]) -> None:
    settings = Settings.from_environment(given)

    assert (settings.trusted_proxies, settings.open_registration, settings.default_tier) == (0, False, "PAID")
    assert (settings.reverify_minutes, settings.drift_minutes) == (30, 10)
    assert (settings.session_default_minutes, settings.session_min_seconds) == (120, 60)
    assert settings.allowed_private_networks == settings.session_allowed_networks == ()
    assert (settings.aws_endpoint_url, settings.ca_bundle, settings.key_ring_file) == (None, None, None)


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET"])
def test_what_has_no_default_must_be_set(given: dict[str, str], name: str) -> None:
    del given[PREFIX + name]

    assert refusal(given).startswith(f"ENTRYGUARD_{name} is not set")


def test_a_key_ring_must_be_set_once(given: dict[str, str], tmp_path: Path) -> None:
    both = {**given, "ENTRYGUARD_KEY_RING_FILE": str(tmp_path / "ring")}
    del given["ENTRYGUARD_KEY_RING"]

    assert refusal(given) == refusal(both)
    assert "ENTRYGUARD_KEY_RING_FILE or else ENTRYGUARD_KEY_RING" in refusal(given)


@pytest.mark.parametrize("name", ["JWT_SECRETS", "NOTHING", "", "jwt_secret", "NOTHING_FILE"])
def test_a_setting_that_is_none_is_refused(given: dict[str, str], name: str) -> None:
    assert refusal({**given, PREFIX + name: "x"}) == (
        f"ENTRYGUARD_{name} is not a setting. `entryguard-server settings` lists them all."
    )


def test_the_clients_own_settings_may_stand_beside(given: dict[str, str]) -> None:
    Settings.from_environment({**given, "ENTRYGUARD_TOKEN": "x", "ENTRYGUARD_ENDPOINT": "", "PATH": ""})


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
def test_an_empty_setting_is_refused(given: dict[str, str], value: str) -> None:
    assert "is empty" in refusal({**given, "ENTRYGUARD_PUBLIC_URL": value})


@pytest.mark.parametrize("name", ["JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET"])
@pytest.mark.parametrize("value", ["short", "x" * 31, f" {'k' * 20} ", "a" * 64, "abcabcabc" * 10, "0" * 32])
def test_a_secret_that_can_be_guessed_is_refused_and_not_shown(given: dict[str, str], name: str, value: str) -> None:
    sentence = refusal({**given, PREFIX + name: value})

    assert sentence.startswith(f"ENTRYGUARD_{name} ") and value.strip() not in sentence


@pytest.mark.parametrize("name", ["JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET"])
def test_a_secret_that_is_written_everywhere_is_refused_and_not_shown(given: dict[str, str], name: str) -> None:
    sentences = {value: refusal({**given, PREFIX + name: value}) for value in WRITTEN_EVERYWHERE}

    assert set(sentences.values()) == {f"ENTRYGUARD_{name} is not random: make one with `openssl rand -base64 48`."}
    proven(
        "P13",
        f"{name} set to a secret that others are shown too",
        f"{len(sentences)} of {len(sentences)} stop the start",
    )


def test_no_two_secrets_are_the_same(given: dict[str, str]) -> None:
    for one, other in (("JWT_SECRET", "AUDIT_KEY"), ("COOKIE_SECRET", "JWT_SECRET"), ("AUDIT_KEY", "KEY_RING")):
        same = {**given, PREFIX + one: given[PREFIX + other]}
        assert "must all differ" in refusal(same) and given[PREFIX + other] not in refusal(same)


NONSENSE = {
    "DATABASE_URL": [
        "mysql://x", "sqlite://x", "sqlite:///", "sqlite:///:memory:", "postgresql://h:port/x", CANARY,
        f"postgresql://u:{CANARY}%zz@h/x", f"postgres://h/x?pasword={CANARY}", f"postgresql://u:{CANARY}@[h/x",
    ],
    "REDIS_URL": ["http://x", "redis:/x", "redis://h:port", "127.0.0.1:6379"],
    "PUBLIC_URL": ["entryguard.example.com", "ftp://x", "https://", "https://h:port", "https://[::1", "about:x"],
    "TRUSTED_PROXIES": ["-1", "11", "one", "1.0", "٣", "0x1", "1 2"],
    "OPEN_REGISTRATION": ["yes", "2", "onn"],
    "DEFAULT_TIER": ["free", "GOLD"],
    "AWS_ENDPOINT_URL": ["aws", "file:///etc/passwd"],
    "AWS_REGION": ["us-east", "eu-central-1a", "https://127.0.0.1", "US-EAST-1"],
    "CA_BUNDLE": ["/nowhere/at/all.pem", "/", __file__],
    "ALLOWED_PRIVATE_NETWORKS": ["10.0.0.1/8", "ten", "10.0.0.0/33", "10.0.0.0/8,,", CANARY],
    "SESSION_ALLOWED_NETWORKS": ["fe80::1%eth0/64 x", "10.0.0.0/8 192.168.0.0/16"],
    "REVERIFY_MINUTES": ["0", "1441", "30m"],
    "SESSION_MIN_SECONDS": ["0", "3601"],
    "RATE_LIMITS": [
        "login", "login=", "login=10", "login=0/minute", "login=-1/minute", "login=10/fortnight", "logon=1/minute",
        "login=1/minute;login=2/minute", "login=1/minute,2/hour", "login=1e3/minute", "OFF", "=1/minute", CANARY,
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NONSENSE.items() for value in values])
def test_nonsense_is_refused_by_name_and_not_shown(given: dict[str, str], name: str, value: str) -> None:
    sentence = refusal({**given, PREFIX + name: value})

    assert sentence.startswith(f"ENTRYGUARD_{name} ") and sentence.endswith(".")
    assert CANARY not in sentence


def test_a_value_that_is_not_utf_8_is_refused(given: dict[str, str]) -> None:
    assert "is not UTF-8" in refusal({**given, "ENTRYGUARD_JWT_SECRET": os.fsdecode(b"\xff" * 40)})


def test_each_setting_may_stand_in_a_file(given: dict[str, str], tmp_path: Path) -> None:
    from_files = {}
    for name, value in given.items():
        file = tmp_path / name
        file.write_text(f"{value}\n", encoding="utf-8")
        from_files[f"{name}_FILE" if name != "ENTRYGUARD_KEY_RING" else name] = (
            str(file) if name != "ENTRYGUARD_KEY_RING" else value
        )

    assert Settings.from_environment(from_files).jwt_secret.reveal() == given["ENTRYGUARD_JWT_SECRET"].encode()


def test_a_setting_and_its_file_are_one_too_many(given: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(random_key(), encoding="ascii")

    assert "are both set" in refusal({**given, "ENTRYGUARD_JWT_SECRET_FILE": str(file)})


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff" * 40])
def test_a_file_that_holds_no_setting_is_refused(given: dict[str, str], tmp_path: Path, content: bytes | None) -> None:
    del given["ENTRYGUARD_JWT_SECRET"]
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)

    assert refusal({**given, "ENTRYGUARD_JWT_SECRET_FILE": str(file)}).startswith("ENTRYGUARD_JWT_SECRET_FILE ")


def test_limits_are_off_only_with_sqlite(given: dict[str, str]) -> None:
    off = {**given, "ENTRYGUARD_RATE_LIMITS": "off"}

    assert Settings.from_environment(off).rate_limits == "off" and table("off") == {}
    assert "only with a SQLite database" in refusal({**off, "ENTRYGUARD_DATABASE_URL": "postgresql://h/x"})


def test_limits_are_laid_over_the_defaults() -> None:
    assert table(" login = 5/hour ; write=1/second;") == {**DEFAULTS, "login": "5/hour", "write": "1/second"}
    assert table("") == DEFAULTS


def test_settings_cannot_be_changed_and_show_no_secret(given: dict[str, str]) -> None:
    given["ENTRYGUARD_REDIS_URL"] = "redis://:hunter2@127.0.0.1:6379"
    given["ENTRYGUARD_DATABASE_URL"] = "postgresql://entryguard:hunter3@db:5432/entryguard"
    settings = Settings.from_environment(given)

    with pytest.raises(AttributeError):
        settings.trusted_proxies = 1  # type: ignore[misc]
    secrets = [given[PREFIX + name] for name in ("JWT_SECRET", "KEY_RING")] + ["hunter2", "hunter3"]
    assert not [secret for secret in secrets if secret in repr(settings)]


def test_the_command_lists_every_setting_with_its_source_and_masks_secrets(
    given: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "audit-key"
    file.write_text(given.pop("ENTRYGUARD_AUDIT_KEY"), encoding="ascii")
    given |= {"ENTRYGUARD_AUDIT_KEY_FILE": str(file), "ENTRYGUARD_REDIS_URL": "redis://:hunter2@127.0.0.1:6379"}
    given["ENTRYGUARD_DATABASE_URL"] = "postgresql://entryguard:hunter3@db:5432/entryguard?sslpassword=hunter4"
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    answer = CliRunner().invoke(main, ["settings"])

    assert answer.exit_code == 0
    assert all(f"ENTRYGUARD_{name.upper()} = " in answer.output for name in Settings.__dataclass_fields__)
    assert f"ENTRYGUARD_AUDIT_KEY = ********  (file {file})" in answer.output
    assert "ENTRYGUARD_TRUSTED_PROXIES = 0  (default)" in answer.output
    secrets = ("hunter", given["ENTRYGUARD_JWT_SECRET"], given["ENTRYGUARD_KEY_RING"], file.read_text("ascii"))
    assert not [secret for secret in secrets if secret in answer.output]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://h:5432/d", "postgresql://h:5432/d"),
        ("postgresql://u:hidden@h/d", "postgresql://********@h/d"),
        ("postgresql://u:hid@den@h/d", "postgresql://********@h/d"),
        ("postgresql://h/d?password=hidden", "postgresql://h/d?********"),
        ("postgresql://h/d?password=hid@den", "postgresql://********"),
    ],
)
def test_no_password_in_a_url_is_listed(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch, url: str, shown: str
) -> None:
    for name, value in {**given, "ENTRYGUARD_DATABASE_URL": url}.items():
        monkeypatch.setenv(name, value)

    assert f"ENTRYGUARD_DATABASE_URL = {shown}  (environment)" in CliRunner().invoke(main, ["settings"]).output
