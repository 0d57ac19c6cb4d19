"""A machine that serves `/screenshot` and runs what `/execute` is sent, as OSWorld's do, acted on with our actions and nothing else.

Contract: `desktop_env/server/main.py` of OSWorld (Xie et al. 2024, https://arxiv.org/abs/2404.07972). Such a server knows no token and
does whatever it is told: it belongs into a virtual machine, on a network of its own.
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlsplit

from actions.errors import CannotPerform, DisplayGone, HandStopped
from actions.executor import Performed, pieces_of, typable
from actions.geometry import Geometry
from actions.keys import canonical_key
from actions.pyautogui_script import hotkey_script, release_script, script_of, typing_scripts
from actions.space import (
    Action,
    Button,
    ButtonDown,
    ButtonUp,
    Click,
    KeyDown,
    KeyUp,
    TakeScreenshot,
    TypeText,
    Wait,
)
from agent.computers.osworld_server import OsWorldServer
from agent.computers.screen import ScreenComputer, raw_from_png
from agent.endings import DisplayLost
from agent.png import PngError
from agent.screenshot import Raw

PAUSE_SECONDS = 0.2
APART_SECONDS, APART_PX = 0.55, 10  # two clicks on one spot that come sooner are a double click


class OsWorldAddressError(ValueError):
    """What should be the address of an OSWorld-style server is none."""


class OsWorldComputer(ScreenComputer):
    """The machine at `url`, such as `http://192.168.56.7:5000`.

    `patience` is how many seconds a server that does not answer is asked again. `stop` is the kill switch: once it is set, the hands do
    nothing more.

    Raises:
        DisplayLost: there is no such server.
        OsWorldAddressError: `url` is no address.
    """

    def __init__(self, url: str, *, settle: bool = True, stop: threading.Event | None = None, patience: float = 5.0) -> None:
        url = url.removeprefix("osworld+")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise OsWorldAddressError(f"{url!r} is no address of an OSWorld-style server: it looks like osworld+http://HOST:5000")
        self._server = OsWorldServer(url)
        try:
            eyes = OsWorldEyes(self._server, patience)
            hands = OsWorldHands(self._server, stop)
        except DisplayGone as error:
            self._server.close()
            raise DisplayLost(str(error)) from error
        except DisplayLost:
            self._server.close()
            raise
        super().__init__(eyes, hands, open_watching_eyes=lambda: OsWorldEyes(self._server, patience=0), settle=settle)

    def close(self) -> None:
        super().close()
        self._server.close()


class OsWorldEyes:
    """Looks through `/screenshot`."""

    losses = 0  # a server has no state of ours that a new start would lose

    def __init__(self, server: OsWorldServer, patience: float) -> None:
        self._server = server
        self._patience = patience
        self._geometry = self.grab_raw().geometry

    @property
    def geometry(self) -> Geometry:
        return self._geometry

    def grab_raw(self) -> Raw:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                raw = raw_from_png(self._server.screenshot())
                self._geometry = raw.geometry
                return raw
            except (DisplayGone, PngError) as error:
                if time.monotonic() >= deadline:
                    raise DisplayLost(str(error)) from error
            time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        """The server's connection is the computer's to close."""


class OsWorldHands:
    """Each action is a program of its own, of about half a second. What is held stays held between them, and is released at the end."""

    def __init__(self, server: OsWorldServer, stop: threading.Event | None = None) -> None:
        self._server = server
        self._stop = stop or threading.Event()
        self._keys: tuple[str, ...] = ()
        self._press: tuple[float, int, int, Button] | None = None
        self._closed = False
        self.reopen()

    def perform(self, action: Action, geometry: Geometry) -> Performed:
        try:
            self._sleep(0)
            return self._do(action, geometry)
        except BaseException:
            with suppress(DisplayGone, CannotPerform):
                self.release_all()
            raise

    def _do(self, action: Action, geometry: Geometry) -> Performed:
        match action:
            case TypeText():
                return self._type(action)
            case Wait():
                self._sleep(action.seconds)
                return Performed(action=action)
            case TakeScreenshot():
                return Performed(action=action, note="nothing to do: looking is not the hand's")
            case Click():
                self._keep_apart(action.button, *geometry.to_desktop(action.point))
            case KeyDown():
                self._keys = tuple(dict.fromkeys((*self._keys, action.key)))
        self._server.run(script_of(action, geometry))
        match action:
            case Click():
                self._press = (time.monotonic(), *geometry.to_desktop(action.point), action.button)
            case KeyUp():
                self._keys = tuple(key for key in self._keys if key != action.key)
            case ButtonDown() | ButtonUp():
                self._press = None
        return Performed(action=action)

    def _type(self, action: TypeText) -> Performed:
        text, note = typable(action.text)
        for piece in pieces_of(text):
            for script in typing_scripts(piece) if piece not in "\n\t" else [hotkey_script((canonical_key(piece),))]:
                self._sleep(0)
                self._server.run(script)
        return Performed(action=replace(action, text=text), note=note)

    def _keep_apart(self, button: Button, x_px: int, y_px: int) -> None:
        if self._press is None:
            return
        then, last_x, last_y, last_button = self._press
        if button == last_button and math.dist((x_px, y_px), (last_x, last_y)) <= APART_PX:
            self._sleep(then + APART_SECONDS - time.monotonic())

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise HandStopped("told to stop")

    def release_all(self) -> None:
        keys, self._keys = self._keys, ()
        self._server.run(release_script(keys))

    def reopen(self) -> None:
        """Release the modifiers and buttons, which a run that was killed may have left held."""
        self.release_all()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            with suppress(DisplayGone, CannotPerform):
                self.release_all()
