"""Numbers of displays that are taken away in a test: tests beside it start servers on the lowest number that is free."""

from __future__ import annotations

import atexit
import itertools
import os
from pathlib import Path

_counter = itertools.count()


def own_display_number() -> int:
    """One that only this process uses, and each call another."""
    return 1000 + os.getpid() % 500 * 100 + next(_counter) % 100


def occupy(display: str) -> None:
    """Keep the number of a display that has just gone from being given to another server while this process lives."""
    lock = Path(f"/tmp/.X{display.removeprefix(':')}-lock")
    lock.write_text(f"{os.getpid():10d}\n")
    atexit.register(lock.unlink, missing_ok=True)
