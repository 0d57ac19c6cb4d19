"""What tests of several packages share: one virtual desktop for the whole run."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from actions.geometry import Size
from agent.computers.virtual import VirtualDesktop

# A shell makes what it starts in the background deaf to Ctrl-C, and so would be every process that these tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Other jobs may hold the processor while an example runs: how long one takes proves nothing.
# In CI the examples are the same each time: what a change broke shows, and what chance finds, it finds at somebody's desk.
CHECKS = [HealthCheck.too_slow]
settings.register_profile("deftly", deadline=None, suppress_health_check=CHECKS)
settings.register_profile("deftly-ci", deadline=None, suppress_health_check=CHECKS, derandomize=True)
settings.load_profile("deftly-ci" if os.environ.get("CI") else "deftly")


@pytest.fixture(scope="session")
def desktop() -> Iterator[VirtualDesktop]:
    """A virtual desktop with a window manager, shared: a test takes away what it puts there."""
    for program in ("Xvfb", "openbox"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install {program.lower()}")
    with VirtualDesktop(size=Size(1280, 720)) as desktop:
        yield desktop


@pytest.fixture(scope="session")
def x_display(desktop: VirtualDesktop) -> str:
    """The name of the shared display."""
    return desktop.display


LONG = ("e2e", "server")  # they start real servers and wait for them


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, the long ones come first, so that no process ends minutes after the others."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.path.parent.name not in LONG)
