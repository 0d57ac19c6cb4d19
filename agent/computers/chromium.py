"""Where Chromium is on this machine, and the flags without which it asks questions or calls home."""

from __future__ import annotations

import os
import shutil

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge")
QUIET_FLAGS = (
    "--test-type",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-gpu",
)


def find_chromium() -> str | None:
    """The first Chromium on `PATH`; `None` leaves it to Playwright, which looks for the one that it has downloaded itself."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def sandbox_flags() -> tuple[str, ...]:
    """Chromium refuses to start as root with its sandbox on."""
    return ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
