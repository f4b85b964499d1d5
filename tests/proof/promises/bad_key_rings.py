"""Key rings that a server must not start with: what an operator may have done to the file, or to the setting."""

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


def random_key(length: int = 32) -> str:
    return base64.b64encode(os.urandom(length)).decode()


@dataclass(frozen=True)
class Keys:
    """The ring that sealed what is in the database: two keys, both needed by rows."""

    first: str
    second: str

    @property
    def written(self) -> str:
        return f"first:{self.first}\nsecond:{self.second}\n"


Spoil = Callable[[Path, Keys], None]


def _written(text: Callable[[Keys], str], mode: int = 0o400) -> Spoil:
    def spoil(file: Path, keys: Keys) -> None:
        file.write_text(text(keys), encoding="utf-8")
        file.chmod(mode)

    return spoil


BAD_RINGS: Mapping[str, tuple[Spoil, str]] = {
    "no file": (lambda file, _: None, "key-ring"),
    "a directory": (lambda file, _: file.mkdir(), "key-ring"),
    "an empty file": (_written(lambda _: ""), "no key"),
    "another key": (_written(lambda keys: f"first:{random_key()}\nsecond:{keys.second}\n"), "first"),
    "another second key": (_written(lambda keys: f"first:{keys.first}\nsecond:{random_key()}\n"), "second"),
    "the keys exchanged": (_written(lambda keys: f"first:{keys.second}\nsecond:{keys.first}\n"), "first"),
    "a key that rows use is gone": (_written(lambda keys: f"first:{keys.first}\n"), "second"),
    "all keys are new": (_written(lambda _: f"third:{random_key()}\n"), "first, second"),
    "a short key": (_written(lambda keys: f"first:{random_key(16)}\nsecond:{keys.second}\n"), "first"),
    "a long key": (_written(lambda keys: f"first:{random_key(33)}\nsecond:{keys.second}\n"), "first"),
    "zeros": (_written(lambda keys: f"first:{base64.b64encode(bytes(32)).decode()}\n"), "first"),
    "no base64": (_written(lambda keys: f"first:{keys.first[:-1]}\n"), "first"),
    "key and id exchanged": (_written(lambda keys: f"{keys.first}:first\n"), "Line 1"),
    "an id twice": (_written(lambda keys: f"{keys.written}first:{random_key()}\n"), "first"),
    "a key twice": (_written(lambda keys: f"{keys.written}third:{keys.first}\n"), "third and first"),
    "readable by all": (_written(lambda keys: keys.written, 0o444), "key-ring"),
    "readable by its group": (_written(lambda keys: keys.written, 0o440), "key-ring"),
}
"""By what is wrong: how it comes about, and what the refusal names."""
