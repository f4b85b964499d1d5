"""A search that finds nothing proves something only if it finds what is there."""

import base64
import json

import pytest

from tests.proof.canaries.search import COMPRESSIONS, Canary, forms, found_in

TEXT = 'wJalrXUtnFEMI/K7+MDENG"bPxRfiCYž'
SECRET = Canary("a secret", TEXT)
LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
PEM = Canary("a key", f"-----BEGIN PRIVATE KEY-----\n{LINE}\n{LINE}\n-----END PRIVATE KEY-----\n")


@pytest.mark.parametrize("form", forms(TEXT.encode()))
def test_a_secret_is_found_in_each_form(form: str) -> None:
    content = b"before " + forms(TEXT.encode())[form] + b" behind"

    assert found_in(content, [SECRET, PEM]) == {"a secret"}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("form", forms(TEXT.encode()))
def test_a_secret_is_found_compressed_in_each_form(form: str, compression: str) -> None:
    content = b"\x00\x78\x9c" + COMPRESSIONS[compression](b"{" + forms(TEXT.encode())[form] + b"}") + b"\xff"

    assert found_in(content, [SECRET]) == {"a secret"}


@pytest.mark.parametrize("before", range(7))
def test_a_secret_is_found_in_base64_of_whatever_holds_it(before: int) -> None:
    content = base64.b64encode(b"x" * before + TEXT.encode() + b"and more")

    assert found_in(content, [SECRET]) == {"a secret"}


def test_a_line_of_a_pem_is_found_by_itself() -> None:
    assert found_in(f'"{LINE}"'.encode(), [PEM]) == {"a key"}


def test_a_pem_is_found_in_json() -> None:
    assert found_in(json.dumps({"private_key": PEM.value}).encode(), [PEM]) == {"a key"}


def test_a_key_of_bytes_is_found() -> None:
    key = Canary("bytes", bytes(range(200, 232)))

    assert found_in(base64.b64encode(b"id:" + bytes(range(200, 232))), [key]) == {"bytes"}


def test_the_first_line_of_every_pem_is_nobody_s_secret() -> None:
    assert found_in(b"-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----", [PEM]) == set()


def test_what_is_not_there_is_not_found() -> None:
    assert found_in(b"nothing at all \x1f\x8b\x08 \x78\x9c", [SECRET, PEM]) == set()
