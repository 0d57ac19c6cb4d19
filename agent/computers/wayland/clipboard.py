"""Clipboards to paste from, for characters that the keyboard lacks: the portal's, and where it lends none, that of Xwayland."""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from contextlib import ExitStack, suppress
from typing import Any, Protocol

from actions.backends.x11_selection import Offer, SelectionServer
from actions.errors import DisplayGone
from agent.computers.wayland.bus import BusError
from agent.computers.wayland.portal import CLIPBOARD, PortalSession

TEXT = ("text/plain;charset=utf-8", "text/plain", "UTF8_STRING", "STRING")
_OWNER_SECONDS = 0.5  # how long another owner may take to hand over what it holds


class Clipboard(Protocol):
    """Holds a text for others to fetch."""

    def take(self, text: str) -> None:
        """Offer `text` in place of what the user had copied.

        Raises:
            DisplayGone: the session is over.
        """
        ...

    def fetches(self) -> int:
        """How often somebody has fetched from here. The compositor itself fetches what is new, to keep it."""
        ...

    def give_back(self) -> None:
        """Offer again what the user had copied, where it was text."""
        ...

    def close(self) -> None: ...


class PortalClipboard:
    """The clipboard of a portal's session, which serves it as long as the session lives."""

    def __init__(self, session: PortalSession) -> None:
        self._session = session
        self._text: str | None = None
        self._before: str | None = None
        self._fetches = 0
        self._signals = ExitStack()
        self._asked: queue.Queue[Any] = self._signals.enter_context(
            session.service.signals(CLIPBOARD, "SelectionTransfer", "/org/freedesktop/portal/desktop")
        )
        self._thread = threading.Thread(target=self._serve, name="clipboard", daemon=True)
        self._thread.start()

    def take(self, text: str) -> None:
        if self._text is None:
            self._before = self._read()
        self._offer(text)

    def give_back(self) -> None:
        if self._text is not None:
            self._offer(self._before or "")
            self._text = None if self._before is None else self._before

    def fetches(self) -> int:
        return self._fetches

    def _offer(self, text: str) -> None:
        self._text = text
        self._call("SetSelection", "oa{sv}", {"mime_types": ("as", list(TEXT))})

    def _read(self) -> str | None:
        """What the user had copied; `None` where it is no text."""
        try:
            descriptor = self._call("SelectionRead", "os", TEXT[0])[0].to_raw_fd()
        except BusError:
            return None
        data, deadline = b"", time.monotonic() + _OWNER_SECONDS
        with os.fdopen(descriptor, "rb", buffering=0) as pipe:
            while select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
                piece = pipe.read(65536)
                if not piece:
                    return data.decode(errors="replace")
                data += piece
        return None

    def _serve(self) -> None:
        while (message := self._asked.get()) is not None:
            session, _, serial = message.body
            if session == self._session.handle:
                with suppress(BusError, DisplayGone, OSError):
                    self._write(serial)

    def _write(self, serial: int) -> None:
        (descriptor,) = self._call("SelectionWrite", "ou", serial)
        with os.fdopen(descriptor.to_raw_fd(), "wb", buffering=0) as pipe:
            data = memoryview((self._text or "").encode(errors="replace"))
            while data:
                data = data[os.write(pipe.fileno(), data) :]
        self._call("SelectionWriteDone", "oub", serial, True)
        self._fetches += 1

    def _call(self, method: str, signature: str, *body: object) -> tuple[Any, ...]:
        return self._session.service.call(CLIPBOARD, method, signature, self._session.handle, *body)

    def close(self) -> None:
        """Serve no more. Safe to call twice."""
        self._asked.put(None)
        self._thread.join()
        with suppress(BusError, DisplayGone):
            self._signals.close()


class XwaylandClipboard:
    """The clipboard of the X `display` beside the session, which GNOME shares with its Wayland programs."""

    def __init__(self, display: str) -> None:
        self._server = SelectionServer(display)
        # PRIMARY stays with whoever has selected something: a text field that loses it would keep what the paste is to replace.
        self._server._selections = (self._server._selections[0],) * 2
        self._offer: Offer | None = None
        self._fetches = 0

    def take(self, text: str) -> None:
        self._fetches = self.fetches()
        self._offer = self._server.offer(text)

    def fetches(self) -> int:
        return self._fetches + (len(self._offer.fetchers) if self._offer else 0)

    def give_back(self) -> None:
        self._fetches, self._offer = self.fetches(), None
        self._server.restore()

    def close(self) -> None:
        self._server.close()


def open_clipboard(session: PortalSession, xwayland: str | None) -> Clipboard | None:
    """The portal's, where it lends one, or else that of the X display `xwayland`; `None` where there is neither."""
    if session.has_clipboard:
        return PortalClipboard(session)
    if xwayland:
        with suppress(DisplayGone):
            return XwaylandClipboard(xwayland)
    return None
