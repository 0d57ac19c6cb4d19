"""RFB, the protocol of VNC, as bytes: what a client says, and how it greets a server (RFC 6143, and the community's rfbproto).

A client here speaks 3.8, asks for four bytes a pixel, blue first, and knows two ways to be let in: none, and the VNC password.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

from actions.errors import DisplayGone
from actions.geometry import Size

Receive = Callable[[int], bytes]
Send = Callable[[bytes], None]

NO_AUTHENTICATION, VNC_AUTHENTICATION = 1, 2
RAW, COPY_RECT, ZLIB = 0, 1, 6
DESKTOP_SIZE = -223
EXTENDED_CLIPBOARD = 0xC0A1E5CE - (1 << 32)
# Kinds of message, and what the extended clipboard says in one.
FRAMEBUFFER_UPDATE, COLOUR_MAP, BELL, SERVER_CUT_TEXT = 0, 1, 2, 3
TEXT, CAPABILITIES, REQUEST, PEEK, NOTIFY, PROVIDE = 1, 1 << 24, 1 << 25, 1 << 26, 1 << 27, 1 << 28
MAX_SIDE = 16384
MAX_TEXT_BYTES = 1 << 24
BGRX = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)


class RefusedByServer(DisplayGone, ValueError):
    """The server does not let us in: a wrong or missing password, or a way that we do not know."""


class Rectangle(NamedTuple):
    """The head of one rectangle of an update."""

    x: int
    y: int
    width: int
    height: int
    encoding: int


def greet(receive: Receive, send: Send, password: str | None) -> Size:
    """Agree on a version, get in, and learn the size of the desktop.

    Raises:
        RefusedByServer: the server does not let us in.
    """
    hello = receive(12)
    if not hello.startswith(b"RFB "):
        raise RefusedByServer(f"this is no VNC server: it says {hello[:12]!r}")
    if hello < b"RFB 003.008\n":
        raise RefusedByServer(f"the server speaks {hello.decode('ascii', 'replace').strip()}: 3.8 is needed, which is from 2007")
    send(b"RFB 003.008\n")
    _authenticate(receive, send, password)
    send(b"\x01")  # share the desktop with others
    size = check_size(Size(*struct.unpack(">HH", receive(4))))
    receive(16)  # its own pixel format
    receive(*struct.unpack(">I", receive(4)))  # its name
    return size


def _authenticate(receive: Receive, send: Send, password: str | None) -> None:
    ways = receive(receive(1)[0])
    if not ways:
        raise RefusedByServer(f"the server refuses: {_reason(receive)}")
    if VNC_AUTHENTICATION in ways and password is not None:
        send(bytes([VNC_AUTHENTICATION]))
        send(answer(receive(16), password))
    elif NO_AUTHENTICATION in ways:
        send(bytes([NO_AUTHENTICATION]))
    elif VNC_AUTHENTICATION in ways:
        raise RefusedByServer("the VNC server wants a password: put it in a file, and name that with --password-file")
    else:
        raise RefusedByServer(
            f"the VNC server wants a way in that we do not know ({', '.join(map(str, ways))}): VncAuth and None are known"
        )
    if struct.unpack(">I", receive(4)) != (0,):
        raise RefusedByServer(f"the VNC server did not let us in: {_reason(receive)}")


def _reason(receive: Receive) -> str:
    return receive(min(*struct.unpack(">I", receive(4)), 1000)).decode("utf-8", "replace")


def answer(challenge: bytes, password: str) -> bytes:
    """The 16 bytes that prove to know `password`, of which VNC heeds the first 8 characters.

    DES with each byte's bits turned around, as RFC 6143 has it. Weak, like all of VNC's own protection: go through SSH on a real network.
    """
    try:
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.modes import ECB
    except ImportError as error:
        raise RefusedByServer("a VNC password needs the cryptography package: pip install 'deftly[vnc]'") from error
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode("latin-1", "replace")[:8].ljust(8, b"\0"))
    encryptor = Cipher(TripleDES(key * 3), ECB()).encryptor()  # three times with one key is DES
    return encryptor.update(challenge) + encryptor.finalize()


def check_size(size: Size) -> Size:
    """Raises `RefusedByServer` for a desktop that cannot be: a server is not to be trusted with our memory."""
    if not (1 <= size.width <= MAX_SIDE and 1 <= size.height <= MAX_SIDE):
        raise RefusedByServer(f"the VNC server has a desktop of {size}: sides are from 1 to {MAX_SIDE}")
    return size


def settings() -> bytes:
    """Which pixels we want, and in what encodings."""
    encodings = (COPY_RECT, RAW, ZLIB, DESKTOP_SIZE, EXTENDED_CLIPBOARD)
    return struct.pack(">Bxxx", 0) + BGRX + struct.pack(f">BxH{len(encodings)}i", 2, len(encodings), *encodings)


def update_request(size: Size, incremental: bool) -> bytes:
    return struct.pack(">BBHHHH", 3, incremental, 0, 0, *size)


def key_event(keysym: int, down: bool) -> bytes:
    return struct.pack(">BBxxI", 4, down, keysym)


def pointer_event(buttons: int, x_px: int, y_px: int) -> bytes:
    return struct.pack(">BBHH", 5, buttons, x_px, y_px)


def clipboard_capabilities() -> bytes:
    return _extended(CAPABILITIES | REQUEST | NOTIFY | PROVIDE | TEXT, struct.pack(">I", 0))


def clipboard_notify() -> bytes:
    """A text is there for whoever asks."""
    return _extended(NOTIFY | TEXT)


def clipboard_provide(text: str) -> bytes:
    data = text.encode() + b"\0"
    return _extended(PROVIDE | TEXT, zlib.compress(struct.pack(">I", len(data)) + data))


def _extended(flags: int, data: bytes = b"") -> bytes:
    return struct.pack(">BxxxiI", 6, -(4 + len(data)), flags) + data
