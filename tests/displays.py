"""Numbers of displays that are taken away in a test: tests beside it start servers on the lowest number that is free."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from agent.computers.virtual import VirtualDesktop

_counter = itertools.count()


def own_display_number() -> int:
    """One that only this process uses, and each call another."""
    return 1000 + os.getpid() % 500 * 100 + next(_counter) % 100


@contextmanager
def own_displays() -> Iterator[None]:
    """Desktops that are opened in the block have numbers of their own, though whoever opens them asks for none."""
    start = VirtualDesktop._start_server
    with patch.object(VirtualDesktop, "_start_server", lambda desktop, wanted: start(desktop, wanted or own_display_number())):
        yield
