"""Whom calls to the clouds trust, read once for a process and all that is forked of it."""

import ssl
from functools import lru_cache
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH


def trusted(ca_bundle: Path | None) -> ssl.SSLContext:
    """A context that demands a certificate of a public authority, or of one in `ca_bundle` as that file is now.

    It is shared by connections in several threads, and made before a fork by its children: nobody may change it.
    """
    written = ca_bundle.stat() if ca_bundle else None
    return _read(ca_bundle, (written.st_ino, written.st_mtime_ns, written.st_size) if written else None)


@lru_cache(maxsize=4)
def _read(ca_bundle: Path | None, version: tuple[int, ...] | None) -> ssl.SSLContext:
    """40 ms, and most of a megabyte."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)  # for a machine that has no authorities of its own
    if ca_bundle:
        context.load_verify_locations(ca_bundle)
    context.set_alpn_protocols(["http/1.1"])
    # urllib3 sets them for each connection, and OpenSSL would free the ones that another thread is copying.
    context.set_alpn_protocols = lambda alpn_protocols: None  # type: ignore[method-assign]
    return context
