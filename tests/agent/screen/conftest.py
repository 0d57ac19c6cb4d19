"""X servers that can be killed and restarted, and windows with known pixels to look at."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from Xlib.display import Display
from Xlib.xobject.drawable import Window

from actions.geometry import Size
from agent.computers.virtual import VirtualDesktop
from tests.displays import own_display_number

Pixels = npt.NDArray[np.uint8]
SECONDS = 30.0


class XServer:
    """A bare Xvfb, without a window manager, on a number that no other takes when it is gone."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.display = f":{own_display_number()}"
        read_end, write_end = os.pipe()
        self._process = self._spawn(self.display, "-displayfd", str(write_end), pass_fds=(write_end,))
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            assert pipe.readline(), f"Xvfb did not start on {self.display}"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def restart(self, size: Size | None = None) -> None:
        """On the same number."""
        self.size = size or self.size
        self._process = self._spawn(self.display)

    def _spawn(self, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
        argv = ["Xvfb", *arguments, "-screen", "0", f"{self.size}x24", "-nolisten", "tcp", "-noreset"]
        return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def x_server() -> Iterator[XServer]:
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed: apt-get install xvfb")
    server = XServer(Size(640, 480))
    yield server
    server.kill()


@pytest.fixture
def bare_desktop() -> Iterator[VirtualDesktop]:
    """A desktop of this test's own, without a window manager."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed: apt-get install xvfb")
    with VirtualDesktop(Size(800, 600), window_manager=None) as desktop:
        yield desktop


class Shower:
    """Shows pictures on a display, each in a window of its own that stays as it is."""

    def __init__(self, display: str) -> None:
        self._display = Display(display)

    def show(self, rgb: Pixels, left: int, top: int) -> Window:
        height, width, _ = rgb.shape
        root = self._display.screen().root
        picture = root.create_pixmap(width, height, self._display.screen().root_depth)
        picture.put_pil_image(picture.create_gc(), 0, 0, Image.fromarray(rgb))
        window = root.create_window(
            left, top, width, height, 0, self._display.screen().root_depth, override_redirect=True, background_pixmap=picture
        )
        window.map()
        self._display.sync()
        return window

    def move(self, window: Window, left: int, top: int) -> None:
        window.configure(x=left, y=top)
        self._display.sync()

    def hide(self, window: Window) -> None:
        window.destroy()
        self._display.sync()

    def resize_screen(self, size: Size) -> None:
        """By RandR, as `xrandr --fb` does; not beyond the size that the server began with."""
        root = self._display.screen().root
        resources = root.xrandr_get_screen_resources()
        self._display.xrandr_set_crtc_config(resources.crtcs[0], resources.config_timestamp, 0, 0, 0, 1, [])
        root.xrandr_set_screen_size(size.width, size.height, size.width // 4, size.height // 4)
        self._display.sync()

    def close(self) -> None:
        self._display.close()


@pytest.fixture
def shower(bare_desktop: VirtualDesktop) -> Iterator[Shower]:
    shower = Shower(bare_desktop.display)
    yield shower
    shower.close()


def wait_for(what: Callable[[], object], words: str = "it") -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        if time.monotonic() > deadline:
            pytest.fail(f"{words} did not happen in {SECONDS:g} s")
        time.sleep(0.02)


@pytest.fixture
def until() -> Callable[..., None]:
    """Waits until something is true."""
    return wait_for


@pytest.fixture
def noise() -> Pixels:
    """A picture in which no two places look alike."""
    return np.random.default_rng(7).integers(0, 256, (120, 200, 3), np.uint8)
