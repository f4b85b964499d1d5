"""What a person typed: cleaned where that is harmless, and otherwise refused."""

import pytest
from marshmallow import ValidationError, validate

from api.schemas import Body, Text


class Named(Body):
    """A body with one text."""

    name = Text(validate=validate.Length(1, 5))


def read(text: str) -> str:
    loaded: dict[str, str] = Named().load({"name": text})
    return loaded["name"]


def test_margins_are_cut_off() -> None:
    assert read(" ada\n") == "ada"


def test_letters_are_composed() -> None:
    assert read("e\u0301") == "é"


@pytest.mark.parametrize("text", [" ", "123456", "12345 ", "\u001d12345", "e\u0301e\u0301e\u0301"])
def test_the_documented_length_is_that_of_what_was_sent_and_of_what_is_kept(text: str) -> None:
    with pytest.raises(ValidationError):
        read(text)


@pytest.mark.parametrize("text", ["a\u0000b", "a\nb", "a\u202eb", "a\ud800b"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match=r"Must not contain control characters\."):
        read(text)
