"""A connection to a VNC server: a thread keeps its picture up to date, any thread may look at it or send events."""

from __future__ import annotations

import socket
import struct
import threading
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from actions.backends import rfb_wire as wire
from actions.errors import DisplayGone
from actions.geometry import Size

CONNECT_SECONDS = 10.0
FIRST_PICTURE_SECONDS = 30.0


class RfbClient:
    """The VNC server at `host` and `port`.

    Raises:
        DisplayGone: from any method, when the server cannot be reached or is gone.
        RefusedByServer: it does not let us in.
    """

    def __init__(self, host: str, port: int, password: str | None = None) -> None:
        self.name = f"vnc://{host}:{port}"
        self._address = (host, port)
        self._password = password
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._lost = "closed"
        self.reopen()

    @property
    def size(self) -> Size:
        """Of the desktop, as of the last picture."""
        height, width = self._picture.shape
        return Size(width, height)

    @property
    def alive(self) -> bool:
        return not self._lost

    def picture(self) -> npt.NDArray[np.uint32]:
        """What the desktop shows: a copy, `[H, W]`, four bytes a pixel, blue first."""
        with self._changed:
            self._check()
            return self._picture.copy()

    def key(self, keysym: int, down: bool) -> None:
        self._say(wire.key_event(keysym, down))

    def pointer(self, buttons: int, x_px: int, y_px: int) -> None:
        self._say(wire.pointer_event(buttons, x_px, y_px))

    @property
    def has_clipboard(self) -> bool:
        """Whether the server takes texts of any script, and says when one is fetched."""
        return self._clipboard

    def offer(self, text: str) -> None:
        """Put `text` on the server's clipboard; it is sent when somebody there pastes."""
        with self._changed:
            self._offered, self._fetched = text, False
        self._say(wire.clipboard_notify())

    def wait_fetched(self, seconds: float) -> bool:
        """Whether what was offered has been asked for, at most `seconds` from now."""
        with self._changed:
            self._changed.wait_for(lambda: self._fetched or self._lost, seconds)
            self._check()
            return self._fetched

    def reopen(self) -> None:
        """Connect, or connect anew; returns once there is a picture."""
        self.close()
        try:
            connection = socket.create_connection(self._address, CONNECT_SECONDS)
        except OSError as error:
            raise DisplayGone(f"cannot connect to {self.name}: {error}") from error
        self._socket, self._lost = connection, ""
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            size = wire.greet(self._receive, connection.sendall, self._password)
            connection.settimeout(None)
        except OSError as error:  # DisplayGone is one
            self.close()
            raise error if isinstance(error, DisplayGone) else DisplayGone(f"{self.name} does not answer: {error}") from error
        self._start(size)

    def _start(self, size: Size) -> None:
        self._picture = np.zeros((size.height, size.width), np.uint32)
        self._zlib: Any = zlib.decompressobj()
        self._clipboard = self._fetched = self._complete = False
        self._offered = ""
        self._say(wire.settings())
        self._say(wire.update_request(size, incremental=False))
        self._thread = threading.Thread(target=self._listen, name="vnc", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._complete or self._lost, FIRST_PICTURE_SECONDS)
            self._check()
        if not self._complete:
            self.close()
            raise DisplayGone(f"{self.name} sent no picture in {FIRST_PICTURE_SECONDS:g} s")

    def close(self) -> None:
        """Disconnect. Safe to call twice."""
        connection, self._socket = self._socket, None
        self._lost = self._lost or "closed"
        if connection is not None:
            with suppress(OSError):  # the other end may be gone
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
            self._thread = None

    def _check(self) -> None:
        if self._lost:
            raise DisplayGone(f"{self.name} is gone: {self._lost}")

    def _say(self, message: bytes) -> None:
        self._check()
        try:
            with self._sending:
                if self._socket is None:
                    raise ConnectionError("closed")
                self._socket.sendall(message)
        except OSError as error:
            self._lose(error)
            self._check()

    def _receive(self, count: int) -> bytes:
        connection = self._socket
        if connection is None:
            raise ConnectionError("closed")
        data = bytearray(count)
        view, got = memoryview(data), 0
        while got < count:
            more = connection.recv_into(view[got:])
            if not more:
                raise ConnectionError("the server hung up")
            got += more
        return bytes(data)

    def _lose(self, error: Exception) -> None:
        with self._changed:
            self._lost = self._lost or str(error) or type(error).__name__
            self._changed.notify_all()

    # --- what the server says

    def _listen(self) -> None:
        try:
            while True:
                self._hear(self._receive(1)[0])
        except (DisplayGone, OSError, ValueError, zlib.error, struct.error) as error:  # gone, or not to be understood
            self._lose(error)

    def _hear(self, kind: int) -> None:
        if kind == wire.FRAMEBUFFER_UPDATE:
            for _ in range(*struct.unpack(">xH", self._receive(3))):
                self._draw(wire.Rectangle(*struct.unpack(">HHHHi", self._receive(12))))
            with self._changed:
                self._complete = True
                self._changed.notify_all()
            self._say(wire.update_request(self.size, incremental=True))
        elif kind == wire.SERVER_CUT_TEXT:
            self._hear_clipboard(*struct.unpack(">xxxi", self._receive(7)))
        elif kind == wire.COLOUR_MAP:
            self._receive(6 * struct.unpack(">xHH", self._receive(5))[1])
        elif kind != wire.BELL:
            raise ValueError(f"the server sent a message of the unknown kind {kind}")

    def _draw(self, told: wire.Rectangle) -> None:
        if told.encoding == wire.DESKTOP_SIZE:
            size = wire.check_size(Size(told.width, told.height))
            with self._changed:
                self._picture = np.zeros((size.height, size.width), np.uint32)
            self._say(wire.update_request(size, incremental=False))
            return
        pixels = self._pixels(told)
        target = self._picture[told.y : told.y + told.height, told.x : told.x + told.width]
        if target.shape != (told.height, told.width):
            raise ValueError(f"the server drew outside of its desktop: {told}")
        with self._changed:
            target[:] = pixels

    def _pixels(self, told: wire.Rectangle) -> npt.NDArray[np.uint32]:
        shape, count = (told.height, told.width), 4 * told.width * told.height
        if told.encoding == wire.COPY_RECT:
            x, y = struct.unpack(">HH", self._receive(4))
            return self._picture[y : y + told.height, x : x + told.width].copy()
        if told.encoding == wire.RAW:
            return np.frombuffer(self._receive(count), "<u4").reshape(shape)
        if told.encoding == wire.ZLIB:
            packed = self._receive(*struct.unpack(">I", self._receive(4)))
            return np.frombuffer(self._zlib.decompress(packed, count), "<u4").reshape(shape)
        raise ValueError(f"the server drew in the encoding {told.encoding}, for which nobody asked")

    def _hear_clipboard(self, length: int) -> None:
        """What the server's own clipboard holds is of no interest; whether it asks for ours is."""
        if abs(length) > wire.MAX_TEXT_BYTES:
            raise ValueError(f"the server sent a clipboard of {abs(length)} bytes")
        data = self._receive(abs(length))
        if length >= 0:
            return
        (flags,) = struct.unpack(">I", data[:4])
        if flags & wire.CAPABILITIES:
            self._clipboard = bool(flags & wire.NOTIFY)
            self._say(wire.clipboard_capabilities())
        elif flags & wire.PEEK:
            self._say(wire.clipboard_notify())
        elif flags & wire.REQUEST:
            self._say(wire.clipboard_provide(self._offered))
            with self._changed:
                self._fetched = True
                self._changed.notify_all()
