"""PNG in and out: lossless, and made for speed, since every step of every run encodes a screen.

Rows are written unfiltered (filter 0) and deflated at level 1. Screens are flat, so this is within a few percent of the
size of a filtered PNG: at 1920x1080, 2.3 ms and 248 KB with isal against 50 ms and 237 KB for Pillow's default.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from actions.geometry import Size

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

Pixels = npt.NDArray[np.uint8]
Deflate: TypeAlias = "Callable[[Buffer], bytes]"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB8_NOT_INTERLACED = (8, 2, 0, 0, 0)


class PngError(ValueError):
    """Bytes that are not a readable PNG."""


@cache
def fastest_compress() -> Deflate:
    """isal's deflate where it is installed, else the standard library's; both at level 1."""
    try:
        from isal import isal_zlib
    except ImportError:
        return lambda data: zlib.compress(data, 1)
    return lambda data: bytes(isal_zlib.compress(data, 1))


def encode(rgb: Pixels, compress: Deflate | None = None) -> bytes:
    """`rgb` `[H, W, 3]` as PNG. `compress` is any zlib-format deflate; the pixels read back are the same whichever it is."""
    height, width, _ = rgb.shape
    rows = np.empty((height, width * 3 + 1), np.uint8)
    rows[:, 0] = 0  # the filter of each row: none
    rows[:, 1:] = rgb.reshape(height, width * 3)
    header = struct.pack(">IIBBBBB", width, height, *_RGB8_NOT_INTERLACED)
    data = (compress or fastest_compress())(rows.data)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def decode(png: bytes) -> Pixels:
    """The pixels `[H, W, 3]` of any PNG; an alpha channel is dropped.

    Raises:
        PngError: `png` is cut short or is not a PNG.
    """
    from PIL import Image

    size_of(png)
    try:
        with Image.open(io.BytesIO(png)) as image:
            rgb: npt.NDArray[Any] = np.asarray(image.convert("RGB"), np.uint8)
    except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for a broken chunk
        raise PngError(f"the PNG is damaged: {error}") from error
    return rgb


def size_of(png: bytes) -> Size:
    """Width and height from the header alone.

    Raises:
        PngError: `png` does not begin as a PNG does.
    """
    if len(png) < 33 or not png.startswith(SIGNATURE) or png[12:16] != b"IHDR":
        raise PngError(f"not a PNG: {len(png)} bytes beginning with {png[:8]!r}")
    return Size(*struct.unpack(">II", png[16:24]))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
