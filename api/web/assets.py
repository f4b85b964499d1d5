"""Style, scripts and pictures, under addresses that change with their content, so that browsers keep them for good."""

import functools
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

import flask

from api.errors import PathNotFound

_FOLDER = Path(__file__).parent / "static"
_HASH_LETTERS = 12
_FOR_GOOD = "public, max-age=31536000, immutable"

blueprint = flask.Blueprint("assets", __name__, url_prefix="/assets")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, as it is and compressed, and a name for this very content."""

    mimetype: str
    version: str
    content: bytes
    compressed: bytes


def url(name: str) -> str:
    """Where the file is that is there now."""
    return flask.url_for("assets.file", version=_read(name).version, name=name)


@blueprint.get("/<version>/<name>")
def file(version: str, name: str) -> flask.Response:
    """A file of the pages"""
    if name not in _names():
        raise PathNotFound
    asset = _read(name)
    if version != asset.version:
        raise PathNotFound
    takes_gzip = flask.request.accept_encodings["gzip"] > 0
    response = flask.Response(asset.compressed if takes_gzip else asset.content, mimetype=asset.mimetype)
    response.headers["Cache-Control"] = _FOR_GOOD
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if takes_gzip:
        response.headers["Content-Encoding"] = "gzip"
    return response


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in _FOLDER.iterdir() if path.is_file())


@functools.cache
def _read(name: str) -> Asset:
    content = (_FOLDER / name).read_bytes()
    return Asset(
        mimetypes.guess_type(name)[0] or "application/octet-stream",
        hashlib.sha256(content).hexdigest()[:_HASH_LETTERS],
        content,
        gzip.compress(content, 9, mtime=0),
    )
