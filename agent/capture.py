"""The eyes: `Capture` grabs the screen with mss, kept open; a `Screenshot` is what it saw, encoded at most once.

A grab asks the server for the geometry first, so that a resized screen is never cropped to its old rectangle, and a display
that died is reopened with back-off for a bounded time before it is given up.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from actions.geometry import Geometry, Size
from agent import png as png_codec
from agent.endings import DisplayLost

if TYPE_CHECKING:
    from mss import MSS

    from actions.backends.x11_connection import Connection

Pixels = npt.NDArray[np.uint8]
Condition = Literal["ok", "blank"]

# In order of speed at 1920x1080: 0.9, 7 and 15 ms. The first two refuse servers that list a depth twice (TigerVNC).
BACKENDS = ("default", "xgetimage", "xlib")
COLOUR = np.uint32(0x00FFFFFF)  # the fourth byte of a pixel is padding that a server may leave undefined
BLANK_SHARE = 0.0005  # a screen on which fewer pixels than this differ from the rest shows nothing


class Screenshot:
    """What a screen showed at one moment. Immutable; pixels, PNG and digest are each made once, when first asked for."""

    def __init__(
        self,
        *,
        geometry: Geometry,
        taken_at: float,
        rgb: Pixels | None = None,
        png: Callable[[], bytes] | None = None,
        condition: Condition = "ok",
        sha256: str | None = None,
    ) -> None:
        self.geometry = geometry
        self.taken_at = taken_at
        self.condition: Condition = condition
        self._load_png = png
        if rgb is not None:
            self.__dict__["rgb"] = rgb
        if sha256 is not None:
            self.__dict__["sha256"] = sha256

    @classmethod
    def from_rgb(
        cls, rgb: Pixels, geometry: Geometry | None = None, taken_at: float | None = None, condition: Condition = "ok"
    ) -> Screenshot:
        """A screenshot of `rgb` `[H, W, 3]`; `geometry` defaults to the whole picture, `taken_at` to now."""
        height, width, _ = rgb.shape
        return cls(
            geometry=geometry or Geometry(left=0, top=0, width=width, height=height),
            taken_at=time.time() if taken_at is None else taken_at,
            rgb=_read_only(rgb.copy()),
            condition=condition,
        )

    @classmethod
    def from_png(
        cls,
        data: bytes,
        geometry: Geometry | None = None,
        taken_at: float = 0.0,
        condition: Condition = "ok",
        sha256: str | None = None,
    ) -> Screenshot:
        """A screenshot from its PNG; pixels are decoded when first asked for."""
        width, height = png_codec.size_of(data)
        return cls(
            geometry=geometry or Geometry(left=0, top=0, width=width, height=height),
            taken_at=taken_at,
            png=lambda: data,
            condition=condition,
            sha256=sha256,
        )

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], geometry: Geometry, taken_at: float, condition: Condition = "ok", sha256: str | None = None
    ) -> Screenshot:
        """A screenshot whose PNG stays on disk until someone looks at it."""
        return cls(geometry=geometry, taken_at=taken_at, png=Path(path).read_bytes, condition=condition, sha256=sha256)

    @property
    def size(self) -> Size:
        return self.geometry.size

    @cached_property
    def rgb(self) -> Pixels:
        """Pixels `[H, W, 3]`, uint8, read-only."""
        return _read_only(png_codec.decode(self.png))

    @cached_property
    def png(self) -> bytes:
        """The same pixels, losslessly encoded."""
        return self._load_png() if self._load_png else png_codec.encode(self.rgb)

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the pixels and their size."""
        height, width, _ = self.rgb.shape
        digest = hashlib.sha256(f"{width}x{height}:".encode())
        digest.update(np.ascontiguousarray(self.rgb).data)
        return digest.hexdigest()

    def __repr__(self) -> str:
        return f"Screenshot({self.size}, taken_at={self.taken_at:.3f}, condition={self.condition!r})"


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """What the screen showed, as the server gave it: four bytes a pixel, blue first. Half the cost of a `Screenshot`, for comparing."""

    data: bytearray
    geometry: Geometry

    @property
    def pixels(self) -> npt.NDArray[np.uint32]:
        """`[H, W]`, one number a pixel; a view, not a copy."""
        return np.frombuffer(self.data, np.uint32).reshape(self.geometry.height, self.geometry.width)

    @property
    def condition(self) -> Condition:
        """`blank` when almost every pixel has one colour: a black, locked or sleeping screen, on which there is nothing to decide."""
        sample = self.pixels[::16, ::16] & COLOUR
        colours, counts = np.unique(sample, return_counts=True)
        if counts.max() < 0.995 * sample.size:  # 0.1 ms, and the answer for every screen with something on it
            return "ok"
        rows = self.pixels[::4] & COLOUR
        return "blank" if np.count_nonzero(rows != colours[counts.argmax()]) < BLANK_SHARE * rows.size else "ok"

    def develop(self) -> Screenshot:
        """The screenshot of this moment, taken now."""
        return Screenshot(geometry=self.geometry, taken_at=time.time(), rgb=_read_only(to_rgb(self.pixels)), condition=self.condition)


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


def to_rgb(pixels: npt.NDArray[np.uint32]) -> Pixels:
    """`[H, W, 3]` from raw pixels, by the fastest converter there is: OpenCV 0.2 ms, Pillow 0.9 ms at 1920x1080."""
    height, width = pixels.shape
    convert = _cv2_converter()
    if convert:
        return convert(pixels.view(np.uint8).reshape(height, width, 4))
    return rgb_by_pillow(pixels)


def rgb_by_pillow(pixels: npt.NDArray[np.uint32]) -> Pixels:
    """The same where OpenCV is not installed."""
    from PIL import Image

    height, width = pixels.shape
    return np.array(Image.frombuffer("RGB", (width, height), pixels.tobytes(), "raw", "BGRX"), np.uint8)


def to_raw(seen: Screenshot) -> Raw:
    """The inverse of `Raw.develop`, with the padding zero."""
    height, width, _ = seen.rgb.shape
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[..., :3] = seen.rgb[..., ::-1]
    return Raw(bytearray(pixels.data), seen.geometry)


def _read_only(rgb: Pixels) -> Pixels:
    view = np.ascontiguousarray(rgb, np.uint8).view()
    view.flags.writeable = False
    return view


@cache
def _cv2_converter() -> Callable[[Pixels], Pixels] | None:
    try:
        import cv2
    except ImportError:
        return None
    return lambda bgrx: np.asarray(cv2.cvtColor(bgrx, cv2.COLOR_BGRA2RGB), np.uint8)


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
