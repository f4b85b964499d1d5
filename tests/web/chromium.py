"""A real Chromium: the system's, installed where that is allowed, driven by Playwright."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Of its windows only the pages are looked at: no processes for a toolbar of its own, nor for pages that may come.
_LEFT_OUT = (
    "InitialWebUI",
    "PreloadTopChromeWebUI",
    "WebUIToolbarProcessOverheadExperiment",
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "SpareRendererForSitePerProcess",
)
# What Playwright leaves out (chromiumSwitches.ts): of two such switches the last one counts, which is ours.
_LEFT_OUT_BY_PLAYWRIGHT = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
)
# Without the others it asks its vendor for updates, and as root refuses to start.
_OPTIONS = [
    f"--disable-features={','.join(_LEFT_OUT + _LEFT_OUT_BY_PLAYWRIGHT)}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """The path of a Chromium; installs Debian's as root. Raises RuntimeError with a line that tells how to get one."""
    if (found := _installed()) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=quiet)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
        subprocess.run(install, check=True, env=quiet, stdout=subprocess.DEVNULL)
        found = _installed()
    if found is None:
        raise RuntimeError("This test needs a browser: install Chromium (Debian: `apt-get install chromium`).")
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a history, closed at the end."""
    path = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=_OPTIONS)
        try:
            yield started
        finally:
            started.close()


def _installed() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)
