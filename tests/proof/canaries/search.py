"""Looks for secrets in whatever form they may have been written down."""

import base64
import functools
import gzip
import json
import re
import urllib.parse
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

# A line of a PEM is 64 letters; the last may be short, and a short one is found where nobody wrote a secret.
_SHORTEST_LINE = 16
_LARGEST = 64 * 1024 * 1024
_COMPRESSED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_DEPTH = 2


@dataclass(frozen=True)
class Canary:
    """A secret, and what it is called where it is found."""

    name: str
    value: str | bytes = field(repr=False)

    @functools.cached_property
    def needles(self) -> frozenset[bytes]:
        """All that must not be found, in all its forms: of a text of several lines, each by itself."""
        plain = self.value.encode() if isinstance(self.value, str) else self.value
        lines = [line for line in plain.split(b"\n") if len(line) >= _SHORTEST_LINE and not line.startswith(b"--")]
        parts = lines if isinstance(self.value, str) and "\n" in self.value else [plain]
        return frozenset(form for part in parts for form in forms(part).values())


def forms(plain: bytes) -> dict[str, bytes]:
    """How a secret may be written, by the form's name."""
    found = {name: write(plain) for name, write in _FORMS.items()}
    for before in range(3):
        shifted = _shifted_base64(plain, before)
        found[f"base64, {before} bytes behind a boundary"] = shifted
        found[f"URL-safe base64, {before} bytes behind a boundary"] = shifted.translate(_URL_SAFE)
    return found


def found_in(content: bytes, canaries: Iterable[Canary]) -> set[str]:
    """The names of the canaries that are in `content`, or in what is compressed in it."""
    texts = list(_unfolded(content, _DEPTH))
    return {one.name for one in canaries if any(needle in text for text in texts for needle in one.needles)}


def _unfolded(content: bytes, depth: int) -> Iterator[bytes]:
    """The content, and whatever of it can be decompressed."""
    yield content
    if depth == 0:
        return
    for start in _COMPRESSED.finditer(content):
        text = _decompressed(content[start.start() :])
        if text:
            yield from _unfolded(text, depth - 1)


def _decompressed(content: bytes) -> bytes:
    try:
        # 32: zlib and gzip alike, whichever the first bytes say
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(content, _LARGEST)
    except zlib.error:
        return b""


def _shifted_base64(plain: bytes, before: int) -> bytes:
    """The letters that are the same whatever stands before and behind."""
    encoded = base64.b64encode(b"\0" * before + plain)
    first = (before * 8 + 5) // 6
    last = (before + len(plain)) * 8 // 6
    return encoded[first:last]


def _json(plain: bytes) -> bytes:
    """As a JSON string without its quotes; bytes that are no text stand for the letters of their numbers."""
    try:
        text = plain.decode()
    except UnicodeDecodeError:
        text = plain.decode("latin-1")
    return json.dumps(text)[1:-1].encode()


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_FORMS: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "hex": lambda plain: plain.hex().encode(),
    "HEX": lambda plain: plain.hex().upper().encode(),
    "URL-encoded": lambda plain: urllib.parse.quote(plain, safe="").encode(),
    "form-encoded": lambda plain: urllib.parse.quote_plus(plain).encode(),
    "JSON": _json,
    "JSON with escaped slashes": lambda plain: _json(plain).replace(b"/", b"\\/"),
    "JSON in JSON": lambda plain: _json(_json(plain)),
}
"""Beside these: base64 at each of its three alignments, and all of it compressed with zlib or gzip."""

COMPRESSIONS: Mapping[str, Callable[[bytes], bytes]] = {"zlib": zlib.compress, "gzip": gzip.compress}
