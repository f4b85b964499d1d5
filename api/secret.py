"""Bytes that must not be seen: what a caller entrusts to us, and our own keys."""

import hmac
import json
from typing import Any, Never, NoReturn, SupportsIndex, final


class SecretNotShown(TypeError):
    """Somebody tried to copy, store or show a secret. Only the `reveal` methods give it away."""

    def __init__(self, attempt: str) -> None:
        super().__init__(f"a secret cannot be {attempt}")


class SecretUnreadable(ValueError):
    """The content is not what was asked for (text, JSON). The sentence holds nothing of it."""


@final
class Secret:
    """Holds bytes and keeps them out of logs, tracebacks, pickles, copies and JSON.

    Search the code for `.reveal` to find every place where a secret is looked at. Python cannot wipe memory: what was
    revealed stays in the process until its place is used again, so reveal late, and in few processes.
    """

    __slots__ = ("_content",)
    _content: bytes

    def __init__(self, content: bytes) -> None:
        if not isinstance(content, bytes):
            raise TypeError("a secret is made of bytes")
        object.__setattr__(self, "_content", content)

    @classmethod
    def of_text(cls, text: str) -> "Secret":
        """The UTF-8 form of `text`; SecretUnreadable if it has none (a lone surrogate)."""
        content = _utf8(text)
        if content is None:
            raise SecretUnreadable("the secret is not text that can be written as UTF-8")
        return cls(content)

    @classmethod
    def of_json(cls, value: Any) -> "Secret":
        """The JSON form of `value`, which `reveal_json` gives back."""
        return cls.of_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def reveal(self) -> bytes:
        return self._content

    def reveal_text(self) -> str:
        """The content as UTF-8 text, or SecretUnreadable."""
        text = _text(self._content)
        if text is None:
            raise SecretUnreadable("the secret is not UTF-8 text")
        return text

    def reveal_json(self) -> Any:
        """The content read as JSON, or SecretUnreadable."""
        readable, value = _json_value(self._content)
        if not readable:
            raise SecretUnreadable("the secret is not JSON")
        return value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._content, other._content)

    # A hash of a short secret tells it, and dict look-ups do not compare in constant time.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return repr(self)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise SecretNotShown("changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise SecretNotShown("changed")

    def __reduce_ex__(self, protocol: SupportsIndex) -> Never:
        raise SecretNotShown("pickled")

    def __reduce__(self) -> Never:
        raise SecretNotShown("pickled")

    # Python 3.11 gives every object a __getstate__ that hands out its slots.
    def __getstate__(self) -> Never:
        raise SecretNotShown("pickled")

    def __copy__(self) -> Never:
        raise SecretNotShown("copied")

    def __deepcopy__(self, memo: object) -> Never:
        raise SecretNotShown("copied")


# Python's decoding errors hold the whole content (`.object`, `.doc`), and what is raised while one is handled keeps it
# as its context. So these answer with a value, and their callers raise afterwards.


def _utf8(text: str) -> bytes | None:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _json_value(content: bytes) -> tuple[bool, Any]:
    try:
        return True, json.loads(content)
    except (ValueError, RecursionError):
        return False, None
