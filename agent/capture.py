"""The eyes on a local display: `Capture` grabs it with mss, kept open.

A grab asks the server for the geometry first, so that a resized screen is never cropped to its old rectangle, and a display
that died is reopened with back-off for a bounded time before it is given up.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from actions.geometry import Geometry
from agent.endings import DisplayLost
from agent.screenshot import Raw as Raw
from agent.screenshot import Screenshot as Screenshot
from agent.screenshot import to_raw as to_raw

if TYPE_CHECKING:
    from mss import MSS

    from actions.backends.x11_connection import Connection

# In order of speed at 1920x1080: 0.9, 7 and 15 ms. The first two refuse servers that list a depth twice (TigerVNC).
BACKENDS = ("default", "xgetimage", "xlib")


class Capture:
    """Grabs one display, or a `region` of it, for as long as it lives.

    `region` is in desktop pixels; without one the whole desktop is watched, whatever its size becomes.
    `patience` is how many seconds a display that died may take to come back.

    Raises:
        DisplayLost: there is no such display, or the region does not lie on it.
    """

    def __init__(
        self,
        display: str | None = None,
        region: Geometry | None = None,
        patience: float = 5.0,
        backends: Sequence[str] = BACKENDS,
    ) -> None:
        self.display = display or os.environ.get("DISPLAY", "")
        self._backends = tuple(backends)
        self.region = region
        self.patience = patience
        self.losses = 0  # how often the display has gone away
        self._connection: _Connection | None = None
        try:
            self._connect()
        except connection_errors() as error:
            raise DisplayLost(f"cannot look at {self._named()}: {_words(error)}") from error

    @property
    def desktop(self) -> Geometry:
        """The whole desktop, as of the last grab."""
        return self._desktop

    @property
    def geometry(self) -> Geometry:
        """What is watched: the region, or the whole desktop."""
        return self.region or self._desktop

    @property
    def backend(self) -> str:
        """The mss backend in use, and with it the speed of a grab; empty while disconnected."""
        return self._connection.backend if self._connection else ""

    def grab(self) -> Screenshot:
        """What the screen shows now.

        Raises:
            DisplayLost: the display is gone and did not come back, or the region no longer lies on it.
        """
        return self.grab_raw().develop()

    def grab_raw(self) -> Raw:
        """The same before it is developed.

        Raises:
            DisplayLost: as `grab`.
        """
        pause, deadline = 0.02, time.monotonic() + self.patience
        while True:
            try:
                return self._grab()
            except connection_errors() as error:
                self.losses += self._connection is not None
                self.close()
                if time.monotonic() + pause > deadline:
                    raise DisplayLost(f"{self._named()} is gone and did not come back in {self.patience:g} s: {_words(error)}") from error
            time.sleep(pause)
            pause = min(2 * pause, 0.5)

    def close(self) -> None:
        """Disconnect; the next grab connects anew. Safe to call twice."""
        connection, self._connection = self._connection, None
        if connection:
            connection.close()

    def _grab(self) -> Raw:
        connection = self._connection or self._connect()
        if connection.read_desktop() != self._desktop:
            self.close()
            connection = self._connect()
        return connection.grab(self.geometry)

    def _connect(self) -> _Connection:
        connection = _Connection(self.display, self._backends)
        self._desktop = connection.read_desktop()
        try:
            self._check_region()
        except DisplayLost:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _check_region(self) -> None:
        region, desktop = self.region, self._desktop
        if region and not contains(desktop, region):
            raise DisplayLost(f"the region {_words_of(region)} does not lie on {self._named()}, which is {_words_of(desktop)}")

    def _named(self) -> str:
        return f"display {self.display}" if self.display else "the display"


class _Connection:
    """One live connection: mss to grab, and on X11 a second one that tells the size of the desktop, which mss remembers for ever."""

    def __init__(self, display: str, backends: Sequence[str]) -> None:
        self._x11 = _open_x11(display)
        try:
            self._mss, self.backend = _open_mss(display, backends)
        except connection_errors():
            self.close()
            raise

    def read_desktop(self) -> Geometry:
        if self._x11:
            with self._x11.use():
                root = self._x11.root.get_geometry()
            return Geometry(left=0, top=0, width=root.width, height=root.height)
        return _geometry(self._mss.monitors[0])

    def grab(self, where: Geometry) -> Raw:
        shot = self._mss.grab({"left": where.left, "top": where.top, "width": where.width, "height": where.height})
        return Raw(shot.raw, where if (shot.width, shot.height) == where.size else replace(where, width=shot.width, height=shot.height))

    def close(self) -> None:
        for half in (getattr(self, "_mss", None), self._x11):
            if half is not None:
                with contextlib.suppress(*connection_errors()):  # the other end may be dead already
                    half.close()


@cache
def connection_errors() -> tuple[type[Exception], ...]:
    """What a dead, missing or resized display raises; mss says it with a bare AssertionError when the server dies."""
    from mss import ScreenShotError

    errors: tuple[type[Exception], ...] = (ScreenShotError, AssertionError, OSError)  # DisplayGone is an OSError
    if _on_x11():
        from Xlib.error import XError

        errors += (XError,)
    return errors


def list_monitors(display: str | None = None) -> tuple[Geometry, ...]:
    """Each monitor's place on the desktop, to be given to `Capture` as its region.

    Raises:
        DisplayLost: there is no such display.
    """
    try:
        with _open_mss(display or os.environ.get("DISPLAY", ""))[0] as mss:
            return tuple(_geometry(monitor) for monitor in mss.monitors[1:])
    except connection_errors() as error:
        raise DisplayLost(f"cannot look at display {display}: {_words(error)}") from error


def contains(outer: Geometry, inner: Geometry) -> bool:
    """Whether `inner` has a size and lies wholly on `outer`."""
    return (
        inner.width > 0
        and inner.height > 0
        and outer.left <= inner.left
        and outer.top <= inner.top
        and inner.left + inner.width <= outer.left + outer.width
        and inner.top + inner.height <= outer.top + outer.height
    )


def _on_x11() -> bool:
    return sys.platform.startswith("linux")


def _open_x11(display: str) -> Connection | None:
    if not _on_x11():
        return None
    if not display:
        raise OSError("DISPLAY is not set, so there is no screen to look at; name a display, or use a virtual one")
    from actions.backends.x11_connection import Connection

    return Connection(display)


def _open_mss(display: str, backends: Sequence[str] = BACKENDS) -> tuple[MSS, str]:
    """mss on the first backend that can really grab."""
    from mss import MSS

    if not _on_x11():
        return MSS(), "default"
    errors: list[Exception] = []
    for backend in backends:
        try:
            mss = MSS(backend=backend, display=display)
            mss.grab((0, 0, 1, 1))
        except connection_errors() as error:
            errors.append(error)
            continue
        return mss, backend
    raise errors[0]


def _geometry(monitor: Mapping[str, Any]) -> Geometry:
    return Geometry(left=monitor["left"], top=monitor["top"], width=monitor["width"], height=monitor["height"])


def _words_of(geometry: Geometry) -> str:
    return f"{geometry.size} at {geometry.left},{geometry.top}"


def _words(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
