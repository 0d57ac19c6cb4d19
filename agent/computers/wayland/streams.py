"""Eyes on a shared desktop: one program for each monitor reads its pictures, and together they are one screen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from actions.geometry import Geometry, Size
from agent.computers.wayland.portal import Monitor, PortalSession
from agent.endings import DisplayLost
from agent.screenshot import Raw

Picture = npt.NDArray[np.uint32]  # [H, W], one number a pixel, blue in its lowest byte
END_SECONDS = 3.0
MEND = "apt-get install python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base gstreamer1.0-pipewire"


def python_with_gi() -> str:
    """The Python whose GObject bindings read PipeWire: the system's, since they come as its packages and not from PyPI."""
    system = Path("/usr/bin/python3")
    return str(system) if system.exists() else sys.executable


class Stream:
    """What one monitor shows. For any thread.

    Raises:
        DisplayLost: it shows nothing, or GStreamer is missing.
    """

    def __init__(self, session: PortalSession, monitor: Monitor) -> None:
        self.monitor = monitor
        self._session = session
        self._lock = threading.Lock()
        self._number = -1
        descriptor = session.pipewire()
        program = Path(__file__).with_name("frames.py")
        argv = [python_with_gi(), "-I", str(program), str(descriptor), str(monitor.node)]
        with os.fdopen(descriptor, "rb", buffering=0):  # the program's alone from here on
            self._reader = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(descriptor,),
                start_new_session=True,
            )
        try:
            self.picture = self.look()
        except BaseException:
            self.close()
            raise

    def look(self) -> Picture:
        """The newest picture; the same array as before when nothing has changed since.

        Raises:
            DisplayLost: the stream has ended.
        """
        if self._session.ended:
            raise DisplayLost("the desktop is no longer shared")
        with self._lock:
            ask, answers = self._reader.stdin, self._reader.stdout
            assert ask is not None and answers is not None
            try:
                ask.write(b"%d\n" % self._number)
                ask.flush()
                told = json.loads(answers.readline())
            except (OSError, ValueError) as error:
                raise DisplayLost("the desktop is no longer shared") from error
            if "error" in told:
                raise DisplayLost(f"the desktop's pictures do not arrive: {told['error']} (needed: {MEND})")
            if told["bytes"]:
                pixels = np.frombuffer(_read(answers, told["bytes"]), np.uint32)
                self.picture = pixels.reshape(told["height"], -1)[:, : told["width"]]
                self._number = told["number"]
            return self.picture

    def close(self) -> None:
        """End the program. Safe to call twice."""
        self._reader.kill()
        self._reader.wait(END_SECONDS)
        for pipe in (self._reader.stdin, self._reader.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()


def _read(answers: IO[bytes], size: int) -> bytearray:
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        got = answers.readinto(view[done:])  # type: ignore[attr-defined]
        if not got:
            raise DisplayLost("the desktop is no longer shared")
        done += got
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a monitor lies on the one screen: in its pixels, and how many of them are one logical pixel of the compositor."""

    node: int
    left: int
    top: int
    size: Size
    scale: float

    def distance(self, x_px: int, y_px: int) -> int:
        """How far outside it a pixel lies, 0 inside."""
        beside = max(self.left - x_px, x_px - (self.left + self.size.width - 1), 0)
        return beside + max(self.top - y_px, y_px - (self.top + self.size.height - 1), 0)

    def logical(self, x_px: int, y_px: int) -> tuple[float, float]:
        """The same pixel in this monitor's own logical pixels: its corner where that is told exactly, else its middle."""
        half = 0.0 if self.scale.is_integer() else 0.5
        x_px, y_px = (min(max(at, 0), side - 1) for at, side in zip((x_px - self.left, y_px - self.top), self.size, strict=True))
        return (x_px + half) / self.scale, (y_px + half) / self.scale


def arrange(monitors: Sequence[tuple[Monitor, Size]]) -> list[Place]:
    """Places for monitors with pictures of these sizes, as they lie on the desktop; the finest of them says how many pixels it has."""
    logical = [monitor.logical or tuple(size) for monitor, size in monitors]
    scale = max(size.width / width for (_, size), (width, _) in zip(monitors, logical, strict=True))
    left, top = min(monitor.left for monitor, _ in monitors), min(monitor.top for monitor, _ in monitors)
    return [
        Place(
            node=monitor.node,
            left=round((monitor.left - left) * scale),
            top=round((monitor.top - top) * scale),
            size=Size(round(width * scale), round(height * scale)),
            scale=scale,
        )
        for (monitor, _), (width, height) in zip(monitors, logical, strict=True)
    ]


class SharedScreen:
    """All shared monitors as one screen, whose first pixel is at 0,0; closing it ends the streams. Keeps `agent.eyes.Eyes`.

    Raises:
        DisplayLost: a monitor shows nothing.
    """

    losses = 0  # what is no longer shared comes back with the user's consent alone, so it is not waited for

    def __init__(self, session: PortalSession) -> None:
        self._streams: list[Stream] = []
        try:
            for monitor in session.monitors:
                self._streams.append(Stream(session, monitor))
        except BaseException:
            self.close()
            raise

    @property
    def places(self) -> list[Place]:
        return arrange([(stream.monitor, _size(stream.picture)) for stream in self._streams])

    @property
    def geometry(self) -> Geometry:
        places = self.places
        width = max(place.left + place.size.width for place in places)
        height = max(place.top + place.size.height for place in places)
        return Geometry(left=0, top=0, width=width, height=height)

    def grab_raw(self) -> Raw:
        pictures = [stream.look() for stream in self._streams]
        geometry = self.geometry
        if len(pictures) == 1 and _size(pictures[0]) == geometry.size:
            return Raw(bytearray(np.ascontiguousarray(pictures[0]).data.cast("B")), geometry)
        whole = np.zeros((geometry.height, geometry.width), np.uint32)
        for place, picture in zip(self.places, pictures, strict=True):
            part = whole[place.top : place.top + place.size.height, place.left : place.left + place.size.width]
            part[:] = _resized(picture, Size(part.shape[1], part.shape[0]))
        return Raw(bytearray(whole.data.cast("B")), geometry)

    def close(self) -> None:
        for stream in self._streams:
            stream.close()


class Glance:
    """The same screen for another pair of eyes, which does not end it."""

    losses = 0

    def __init__(self, screen: SharedScreen) -> None:
        self._screen = screen
        self.grab_raw = screen.grab_raw

    @property
    def geometry(self) -> Geometry:
        return self._screen.geometry

    def close(self) -> None:
        """The screen is the computer's to close."""


def _size(picture: Picture) -> Size:
    return Size(picture.shape[1], picture.shape[0])


def _resized(picture: Picture, size: Size) -> Picture:
    """`picture` at `size`: each pixel is the nearest of its own, so that a coarse monitor beside a fine one stays sharp."""
    if _size(picture) == size:
        return picture
    rows = np.arange(size.height) * picture.shape[0] // size.height
    columns = np.arange(size.width) * picture.shape[1] // size.width
    return np.asarray(picture[rows[:, None], columns], np.uint32)
