"""How large an encoded picture is, by its header alone: nothing is decoded, whatever the header promises."""

from __future__ import annotations

import io

from actions.geometry import Size
from server.errors import invalid


def size_of(data: bytes, path: str) -> Size:
    """Width and height of a PNG, JPEG or WebP, by its header alone.

    Raises:
        ApiError: it is none of these.
    """
    size = header_size(data)
    if size is None:
        raise invalid(f"{path} is no image that can be read: send PNG, JPEG or WebP", param=path, code="invalid_image")
    return size


def header_size(data: bytes) -> Size | None:
    """The size that the header in `data` tells; none where there is no whole header."""
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    size = _webp_size(data) if is_webp else _pillow_size(data)  # over a WebP, Pillow would set aside memory for all of its pixels
    return size if size and size.width and size.height else None


def _pillow_size(data: bytes) -> Size | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:  # reads the header only
            return Size(*image.size)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Size(1 << 20, 1 << 20)  # larger than any limit
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, TypeError, OverflowError):
        return None  # what Pillow raises over broken files


def _webp_size(data: bytes) -> Size | None:
    """By the container specification: three kinds of first chunk, each with the size at its own place."""
    kind, payload = data[12:16], data[20:30]
    if len(payload) < 10:
        return None
    if kind == b"VP8X":
        return Size(1 + int.from_bytes(payload[4:7], "little"), 1 + int.from_bytes(payload[7:10], "little"))
    if kind == b"VP8L" and payload[0] == 0x2F:
        bits = int.from_bytes(payload[1:5], "little")
        return Size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 " and payload[3:6] == b"\x9d\x01\x2a":
        return Size(int.from_bytes(payload[6:8], "little") & 0x3FFF, int.from_bytes(payload[8:10], "little") & 0x3FFF)
    return None
