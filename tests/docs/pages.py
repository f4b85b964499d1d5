"""The project's Markdown pages, and what stands in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_MADE = {"build", "dist", "node_modules"}
_FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the words behind the fence, and the text."""

    words: tuple[str, ...]
    text: str


def pages() -> list[Path]:
    """All pages of the project, none of what is made or installed in its folder."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(path for path in found if not any(part in _MADE or part.startswith(".") for part in path.parts))


def text(page: Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks in their order."""
    for fence in _FENCE.finditer(text(page)):
        yield Block(tuple(fence[2].split()), fence[3])


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text(page))
