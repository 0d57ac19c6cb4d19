"""A session with xdg-desktop-portal: asks for hands and eyes, which the user grants in a dialog, and keeps what saves asking again."""

from __future__ import annotations

import itertools
import os
import queue
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actions.errors import DisplayGone
from agent.computers.wayland.bus import BusError, Options, Service

CONSENT_SECONDS = 180.0  # for a person to read the dialog and answer
KEYBOARD, POINTER = 1, 2
MONITOR = 1
CURSOR_HIDDEN = 1
UNTIL_REVOKED = 2
REMOTE, CAST = "org.freedesktop.portal.RemoteDesktop", "org.freedesktop.portal.ScreenCast"
SESSION, REQUEST = "org.freedesktop.portal.Session", "org.freedesktop.portal.Request"
_ANSWERS = {1: "the request to see and control the desktop was declined", 2: "the dialog that asks for consent was closed"}
_names = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """One monitor that is shared: the node of PipeWire that shows it, and its place in the compositor's logical pixels (`None`: untold)."""

    node: int
    left: int
    top: int
    logical: tuple[int, int] | None


def token_file() -> Path:
    """Where the token lies by which the portal remembers the user's consent."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "deftly" / "wayland-token"


class PortalSession:
    """Consent to see the monitors that the user picks, and to use keyboard and pointer on them; ends with its connection.

    Raises:
        DisplayGone: there is no portal, it cannot do this, or the user declined.
    """

    def __init__(self, bus: str | None = None, tokens: Path | None = None) -> None:
        self._tokens = tokens or token_file()
        self._signals = ExitStack()
        self.service = Service("org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop", bus)
        try:
            self._open()
        except BusError as error:
            self.service.close()
            raise DisplayGone(_why(error)) from error
        except BaseException:
            self.service.close()
            raise

    def _open(self) -> None:
        remembers = int(self.service.read(REMOTE, "version")) >= 2
        devices = int(self.service.read(REMOTE, "AvailableDeviceTypes"))
        if devices & (KEYBOARD | POINTER) != KEYBOARD | POINTER:
            raise DisplayGone("the portal of this desktop lends no keyboard and pointer")
        token = f"deftly{next(_names)}"
        created = self._request(REMOTE, "CreateSession", "", {"session_handle_token": ("s", token)})
        self.handle = str(created["session_handle"][1])
        self._closed = self._signals.enter_context(self.service.signals(SESSION, "Closed", self.handle))
        wanted: Options = {"types": ("u", KEYBOARD | POINTER)}
        if remembers:
            wanted |= {"persist_mode": ("u", UNTIL_REVOKED), **self._remembered()}
        self._request(REMOTE, "SelectDevices", "o", wanted, self.handle)
        sources: Options = {"types": ("u", MONITOR), "multiple": ("b", True), "cursor_mode": ("u", CURSOR_HIDDEN)}
        self._request(CAST, "SelectSources", "o", sources, self.handle)
        granted = self._request(REMOTE, "Start", "os", {}, self.handle, "", seconds=CONSENT_SECONDS)
        if "restore_token" in granted:
            self._remember(str(granted["restore_token"][1]))
        lent = int(granted.get("devices", ("u", 0))[1])
        self.monitors = [_monitor(node, about) for node, about in granted.get("streams", ("", []))[1]]
        self.is_gnome = self.service.is_there("org.gnome.Mutter.RemoteDesktop")
        if lent & (KEYBOARD | POINTER) != KEYBOARD | POINTER:
            raise DisplayGone("the desktop was shared without leave to use keyboard and pointer: allow remote interaction in the dialog")
        if not self.monitors:
            raise DisplayGone("the desktop was shared without a monitor: pick one in the dialog")

    def _request(
        self, interface: str, method: str, signature: str, options: Options, *body: object, seconds: float = 25.0
    ) -> dict[str, Any]:
        """What the portal answers to a request, which comes as a signal once the user has had their say."""
        token = f"deftly{next(_names)}"
        path = f"/org/freedesktop/portal/desktop/request/{self.service.sender}/{token}"
        with self.service.signals(REQUEST, "Response", path) as answers:
            self.service.call(interface, method, f"{signature}a{{sv}}", *body, {**options, "handle_token": ("s", token)})
            deadline = time.monotonic() + seconds
            while True:
                try:
                    answer, results = answers.get(timeout=0.2).body
                    break
                except queue.Empty:
                    if not self.service.alive or time.monotonic() > deadline:
                        raise DisplayGone(f"the portal gave no answer to {method} within {seconds:g} s") from None
        if answer:
            raise DisplayGone(_ANSWERS.get(answer, f"the portal refused {method}"))
        return dict(results)

    @property
    def ended(self) -> bool:
        """Whether it is over: the user ended it in the desktop's panel, or the desktop went away."""
        return not self.service.alive or not self._closed.empty()

    def notify(self, method: str, signature: str, *body: object) -> None:
        """Tell the hands something, as NotifyPointerButton.

        Raises:
            DisplayGone: the session is over: the user ended it, or the compositor did.
        """
        try:
            self.service.call(REMOTE, method, f"oa{{sv}}{signature}", self.handle, {}, *body)
        except BusError as error:
            raise DisplayGone(f"the desktop is no longer shared: {error}") from error

    def pipewire(self) -> int:
        """A new file descriptor, the caller's own, through which PipeWire shows what is shared.

        Raises:
            DisplayGone: the session is over.
        """
        try:
            (descriptor,) = self.service.call(CAST, "OpenPipeWireRemote", "oa{sv}", self.handle, {})
        except BusError as error:
            raise DisplayGone(f"the desktop is no longer shared: {error}") from error
        return int(descriptor.to_raw_fd())

    def close(self) -> None:
        """End the session. Safe to call twice."""
        with suppress(BusError, DisplayGone):
            if self.service.alive:
                self.service.call(SESSION, "Close", path=self.handle)
        self.service.close()

    def _remembered(self) -> Options:
        with suppress(OSError):
            if token := self._tokens.read_text().strip():
                return {"restore_token": ("s", token)}
        return {}

    def _remember(self, token: str) -> None:
        """A token serves once: each session brings the next one. Where it cannot be kept, the user is asked again."""
        with suppress(OSError):
            self._tokens.parent.mkdir(parents=True, exist_ok=True)
            self._tokens.touch(mode=0o600)
            self._tokens.write_text(token)


def _monitor(node: int, about: dict[str, Any]) -> Monitor:
    left, top = about["position"][1] if "position" in about else (0, 0)
    logical = tuple(about["size"][1]) if "size" in about else None
    return Monitor(node=int(node), left=int(left), top=int(top), logical=logical)


def _why(error: BusError) -> str:
    if error.name.rpartition(".")[2] in ("ServiceUnknown", "UnknownMethod", "UnknownInterface", "InvalidArgs", "UnknownProperty"):
        return f"the portal of this desktop has no RemoteDesktop (GNOME's and KDE's have): {error}"
    return f"the portal refused: {error}"
