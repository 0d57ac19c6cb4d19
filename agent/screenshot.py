"""A `Screenshot` is what a screen showed at one moment, and makes its pixels, PNG and digest once each; a `Raw` is the same undeveloped."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from actions.geometry import Geometry, Size
from agent import png as png_codec

Pixels = npt.NDArray[np.uint8]
Condition = Literal["ok", "blank"]

COLOUR = np.uint32(0x00FFFFFF)  # the fourth byte of a pixel is padding that a server may leave undefined
BLANK_SHARE = 0.0005  # a screen on which fewer pixels than this differ from the rest shows nothing


class Screenshot:
    """What a screen showed at one moment. Immutable; pixels, PNG and digest are each made once, when first asked for, by any thread."""

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
