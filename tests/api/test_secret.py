"""A secret leaves only through `reveal`."""

import copy
import dataclasses
import io
import json
import logging
import pickle
import pprint
import sys
import traceback
from collections.abc import Callable

import pytest

from api.secret import Secret, SecretNotShown, SecretUnreadable

CANARY = "canary-7f3a91"


@pytest.fixture
def secret() -> Secret:
    return Secret.of_text(CANARY)


def test_reveal_gives_the_content(secret: Secret) -> None:
    assert secret.reveal() == CANARY.encode()


def test_text_comes_back_as_text(secret: Secret) -> None:
    assert secret.reveal_text() == CANARY


def test_json_comes_back_as_json() -> None:
    value = {"accessKeyId": "AKIA", "secretAccessKey": 'ü\n"\\'}

    assert Secret.of_json(value).reveal_json() == value


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        ascii,
        pprint.pformat,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r:>40}",
        lambda secret: f"{secret:>40}",
        "{}".format,
        "%s".__mod__,
        lambda secret: str([secret, {"key": secret}]),
        lambda secret: json.dumps({"key": secret}, default=repr),
    ],
)
def test_no_way_of_showing_it_tells_the_content(secret: Secret, shown: Callable[[Secret], str]) -> None:
    text = shown(secret)

    assert CANARY not in text
    assert "…" in text or "\\u2026" in text


def test_its_looks_do_not_tell_its_length() -> None:
    assert repr(Secret(b"")) == repr(Secret(b"x" * 100))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickle_protocol_takes_it(secret: Secret, protocol: int) -> None:
    with pytest.raises(SecretNotShown, match="pickled"):
        pickle.dumps(secret, protocol)


@pytest.mark.parametrize(
    "attempt",
    [
        copy.copy,
        copy.deepcopy,
        lambda secret: copy.deepcopy({"key": [secret]}),
        lambda secret: dataclasses.asdict(_Holder(secret)),
        lambda secret: secret.__reduce__(),
        lambda secret: secret.__getstate__(),
        iter,
        list,
        bytes,
        len,
        hash,
        sorted,
        vars,
        json.dumps,
        lambda secret: CANARY in secret,
        lambda secret: secret[0],
        lambda secret: secret + secret,
        memoryview,
        lambda secret: secret < secret,
        lambda secret: {secret},
        lambda secret: setattr(secret, "_content", b""),
        lambda secret: delattr(secret, "_content"),
        lambda secret: setattr(secret, "note", b""),
    ],
)
def test_copying_storing_and_searching_are_refused(secret: Secret, attempt: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as refusal:
        attempt(secret)

    assert CANARY not in str(refusal.value)


@dataclasses.dataclass
class _Holder:
    key: Secret


def test_a_dataclass_around_it_shows_nothing(secret: Secret) -> None:
    assert repr(_Holder(secret)) == "_Holder(key=Secret(…))"


def test_equal_content_is_equal() -> None:
    assert Secret(b"one") == Secret(b"one")


@pytest.mark.parametrize("other", [Secret(b"two"), Secret(b"one "), Secret(b""), b"one", "one", None])
def test_other_content_and_other_types_are_not_equal(other: object) -> None:
    assert Secret(b"one") != other


def test_text_is_not_taken_for_bytes() -> None:
    with pytest.raises(TypeError):
        Secret(CANARY)  # type: ignore[arg-type]


def test_a_log_line_does_not_show_it(secret: Secret) -> None:
    written = io.StringIO()
    log = logging.Logger("a log of its own", logging.DEBUG)  # noqa: LOG001 — nobody else's handlers
    log.addHandler(logging.StreamHandler(written))

    log.debug("checking %s with %r", secret, {"key": secret})

    assert CANARY not in written.getvalue()
    assert "checking Secret(…)" in written.getvalue()


def test_a_traceback_with_all_locals_does_not_show_it(secret: Secret) -> None:
    try:
        secret.reveal_json()
    except SecretUnreadable:
        told = "".join(traceback.TracebackException(*sys.exc_info(), capture_locals=True).format())

    assert "Secret(…)" in told
    assert CANARY not in told


@pytest.mark.parametrize(
    "unreadable",
    [
        lambda: Secret(b"\xff" + CANARY.encode()).reveal_text(),
        lambda: Secret(b"\xff" + CANARY.encode()).reveal_json(),
        lambda: Secret.of_text(CANARY + "\ud800"),
        lambda: Secret.of_json({CANARY: "\ud800"}),
        lambda: Secret.of_text(CANARY).reveal_json(),
        lambda: Secret(b"[" * 100_000).reveal_json(),
    ],
)
def test_unreadable_content_is_told_without_it(unreadable: Callable[[], object]) -> None:
    with pytest.raises(SecretUnreadable) as refusal:
        unreadable()

    assert CANARY not in str(refusal.value)
    assert refusal.value.__context__ is None
