"""Which keys there are, what is refused as one, and how the ring changes."""

import base64
import os
from collections.abc import Callable

import pytest

from api.key_ring import KeyRing, KeyRingError, UnknownKey
from api.secret import Secret


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


KEY = bytes.fromhex("b1946ac92492d2347c6235b4d2611184e4a3f1d7f18b07a5c7d6e2c1a0f98365")
OTHER_KEY = bytes.fromhex("591785b794601e212b260e25925636fd4ffe0f9f8a7c5b6d3e2f1a0b9c8d7e6f")

CHECK_VALUE = "4081520f404e63834afaed0066d7e97510a5597ad7313a025671c3baec578b0f"
WRAPPING_KEY = "8d3d50e58ec5e01317652275d4ed480ad51a18e1112c1b152b4bd1715c7d9176"


def ring(text: str) -> KeyRing:
    return KeyRing.parse(Secret.of_text(text))


def two_keys() -> KeyRing:
    return ring(f"new:{encoded(OTHER_KEY)}\nold:{encoded(KEY)}\n")


def test_the_first_key_is_the_primary() -> None:
    assert two_keys().primary == "new"


def test_all_keys_are_named_in_their_order() -> None:
    assert two_keys().key_ids == ("new", "old")


@pytest.mark.parametrize(
    "text",
    [
        f"old:{encoded(KEY)}",
        f"\n\n  old: {encoded(KEY)}  \n",
        f"# made in May\nold:{encoded(KEY)}  # do not lose it\n",
        f"old:{encoded(KEY)}\r\n",
        f"old:{encoded(KEY)},",
    ],
)
def test_blanks_comments_and_line_ends_do_not_matter(text: str) -> None:
    assert ring(text) == ring(f"old:{encoded(KEY)}")


def test_an_environment_variable_may_use_commas() -> None:
    assert ring(f"new:{encoded(OTHER_KEY)}, old:{encoded(KEY)}") == two_keys()


def test_a_written_ring_reads_back() -> None:
    assert KeyRing.parse(two_keys().written()) == two_keys()


def test_the_ring_shows_no_key() -> None:
    shown = f"{two_keys()!r} {two_keys()}"

    assert encoded(KEY) not in shown
    assert repr(KEY) not in shown
    assert "Secret(…)" in shown


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The key ring holds no key."),
        ("  \n# nothing\n,,\n", "The key ring holds no key."),
        (f"old:{encoded(KEY[:31])}", "old in the key ring does not have exactly 32 bytes."),
        (f"old:{encoded(KEY + b'!')}", "old in the key ring does not have exactly 32 bytes."),
        (f"old:{encoded(KEY[:16])}", "old in the key ring does not have exactly 32 bytes."),
        ("old:", "old in the key ring does not have exactly 32 bytes."),
        (f"old:{encoded(KEY).rstrip('=')}", "old in the key ring is not base64."),
        (f"old:{encoded(KEY)[:-1]}!", "old in the key ring is not base64."),
        (f"old:{encoded(KEY)[:20]} {encoded(KEY)[20:]}", "old in the key ring is not base64."),
        (f"old:{encoded(KEY)}ü", "old in the key ring is not base64."),
        (f"old:{encoded(bytes(32))}", "old in the key ring is not random."),
        (f"old:{encoded(b'k' * 32)}", "old in the key ring is not random."),
        (f"old:{encoded(b'change-me-please' * 2)}", "old in the key ring is not random."),
        (f"old:{encoded(KEY[:8] * 4)}", "old in the key ring is not random."),
        (f"old:{encoded(KEY[:16] * 2)}", "old in the key ring is not random."),
        (f"old:{encoded(bytes(range(32)))}", "old in the key ring is not random."),
        (f"old:{encoded(bytes(range(255, 223, -1)))}", "old in the key ring is not random."),
        (f"old:{encoded(KEY.hex()[:32].encode())}", "old in the key ring is not random."),
        (f"old:{encoded(KEY)}\nold:{encoded(OTHER_KEY)}", "The key ring holds two keys with the id old."),
        (f"old:{encoded(KEY)}\nnew:{encoded(KEY)}", "new and old in the key ring are the same key."),
        (f"old:{encoded(KEY)}\n{encoded(OTHER_KEY)}", "Line 2 of the key ring is not `id:base64`"),
        (f"old:{encoded(KEY)}\n{encoded(OTHER_KEY)}:new", "Line 2 of the key ring is not `id:base64`"),
        (f"Old:{encoded(KEY)}", "Line 1 of the key ring is not `id:base64`"),
        (f":{encoded(KEY)}", "Line 1 of the key ring is not `id:base64`"),
        (f"old_key:{encoded(KEY)}", "Line 1 of the key ring is not `id:base64`"),
        (f"öld:{encoded(KEY)}", "Line 1 of the key ring is not `id:base64`"),
        (f"{'k' * 33}:{encoded(KEY)}", "Line 1 of the key ring is not `id:base64`"),
        (f"old:{encoded(KEY)}\nold2:{encoded(OTHER_KEY[:9])}", "old2 in the key ring does not have exactly 32 bytes."),
    ],
)
def test_what_is_no_key_ring_is_refused_with_its_reason(text: str, sentence: str) -> None:
    with pytest.raises(KeyRingError) as refusal:
        ring(text)

    assert str(refusal.value).startswith(sentence)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(KeyRingError, match="The key ring is not text"):
        KeyRing.parse(Secret(b"\xff\xfe" + KEY))


def test_a_thousand_random_keys_are_all_taken() -> None:
    for _ in range(1000):
        ring(f"key:{encoded(os.urandom(32))}")


def test_an_id_may_have_32_characters() -> None:
    assert ring(f"{'k' * 32}:{encoded(KEY)}").primary == "k" * 32


def test_a_fresh_ring_has_one_key_that_nobody_else_has() -> None:
    assert KeyRing.fresh("key-1").key_ids == ("key-1",)
    assert KeyRing.fresh("key-1") != KeyRing.fresh("key-1")


def test_a_check_value_recognises_the_key() -> None:
    assert ring(f"old:{encoded(KEY)}").check_value("old") == two_keys().check_value("old")


@pytest.mark.parametrize("other", [f"old:{encoded(OTHER_KEY)}", f"old:{encoded(KEY[:31] + b'!')}"])
def test_another_key_has_another_check_value(other: str) -> None:
    assert ring(other).check_value("old") != two_keys().check_value("old")


def test_a_check_value_belongs_to_its_id() -> None:
    assert ring(f"new:{encoded(KEY)}").check_value("new") != two_keys().check_value("old")


def test_a_check_value_is_neither_the_key_nor_what_wraps() -> None:
    values = {two_keys().check_value("old"), two_keys().wrapping_key("old").reveal(), KEY}

    assert len(values) == 3
    assert {len(value) for value in values} == {32}


def test_check_value_and_wrapping_key_stay_as_they_are_for_ever() -> None:
    # Computed once with RFC 5869's HKDF-SHA256; another value would lock every database out.
    assert two_keys().check_value("old").hex() == CHECK_VALUE
    assert two_keys().wrapping_key("old").reveal().hex() == WRAPPING_KEY


@pytest.mark.parametrize(
    "question",
    [
        lambda keys: keys.check_value("gone"),
        lambda keys: keys.wrapping_key("gone"),
        lambda keys: keys.promoted("gone"),
        lambda keys: keys.without("gone"),
    ],
)
def test_a_key_that_is_not_there_is_named_as_unknown(question: Callable[[KeyRing], object]) -> None:
    with pytest.raises(UnknownKey) as refusal:
        question(two_keys())

    assert refusal.value.key_id == "gone"


def test_an_added_key_is_not_the_primary() -> None:
    assert two_keys().with_added("newest").key_ids == ("new", "old", "newest")


def test_an_added_key_is_random() -> None:
    first, second = two_keys().with_added("newest"), two_keys().with_added("newest")

    assert first.check_value("newest") != second.check_value("newest")


def test_an_id_is_not_given_twice() -> None:
    with pytest.raises(KeyRingError, match="already holds a key with the id old"):
        two_keys().with_added("old")


@pytest.mark.parametrize("key_id", ["", "Old", "a b", "k" * 33, "a:b", "a\n", "ö", "../x"])
def test_an_added_key_has_a_proper_id(key_id: str) -> None:
    with pytest.raises(KeyRingError, match="A key id in the key ring is not made of"):
        two_keys().with_added(key_id)


def test_a_promoted_key_is_the_primary_and_the_others_stay() -> None:
    assert two_keys().promoted("old").key_ids == ("old", "new")


def test_a_key_keeps_its_value_when_another_is_promoted() -> None:
    assert two_keys().promoted("old").check_value("new") == two_keys().check_value("new")


def test_a_removed_key_is_gone() -> None:
    assert two_keys().without("old").key_ids == ("new",)


def test_the_primary_key_is_not_removed() -> None:
    with pytest.raises(KeyRingError, match="new is the primary key"):
        two_keys().without("new")
