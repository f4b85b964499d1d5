"""Screenshots as small PNGs: a page has few colours, and with a palette it takes a third of the room."""

import base64
import struct
import zlib
from collections import Counter
from typing import Any

from playwright.sync_api import Page

_PALETTE = 256
_PIXELS = """async (picture) => {
  const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const reader = new FileReader();
  const read = new Promise((resolve) => { reader.onload = resolve; });
  reader.readAsDataURL(new Blob([context.getImageData(0, 0, width, height).data]));
  await read;
  return { width, height, pixels: reader.result.split(",")[1] };
}"""


def small(page: Page, picture: bytes) -> bytes:
    """The same picture in at most 256 colours: rare ones become the nearest of the others. Any page can read it."""
    width, height, pixels = seen(page, picture)
    counted = Counter(pixels)
    palette = [colour for colour, _ in counted.most_common(_PALETTE)]
    nearest = {colour: _nearest(colour, palette) for colour in counted}
    drawn = bytes(nearest[pixel] for pixel in pixels)
    lines = b"".join(b"\0" + drawn[start : start + width] for start in range(0, len(drawn), width))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_part(name, content) for name, content in parts)


def seen(page: Page, picture: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and the colour of each pixel, as the browser sees them."""
    read: dict[str, Any] = page.evaluate(_PIXELS, base64.b64encode(picture).decode())
    raw = base64.b64decode(read["pixels"])
    return read["width"], read["height"], [raw[place : place + 3] for place in range(0, len(raw), 4)]


def _nearest(colour: bytes, palette: list[bytes]) -> int:
    """The place in the palette of what looks most like the colour."""
    return min(
        range(len(palette)), key=lambda place: sum((a - b) ** 2 for a, b in zip(colour, palette[place], strict=True))
    )


def _part(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
