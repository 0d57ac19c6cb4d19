"""Places and sizes: a `Point` is a fraction of a screen, a `Frame` holds the sizes that turn it into pixels and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Point:
    """A place on a screen as fractions of its width and height, each in [0, 1].

    Raises:
        ValueError: a coordinate is not a finite number in [0, 1].
    """

    x: float
    y: float

    def __post_init__(self) -> None:
        for name, value in (("x", self.x), ("y", self.y)):
            if not math.isfinite(value) or not 0.0 <= value <= 1.0:
                raise ValueError(f"point.{name} is {value!r}: a point is a fraction of the screen, from 0 to 1")

    @classmethod
    def from_pixel(cls, x_px: float, y_px: float, size: Size) -> Point:
        """The point at pixel (`x_px`, `y_px`) of an image of `size`; the inverse of `to_pixel`."""
        return cls(x_px / size.width, y_px / size.height)

    def to_pixel(self, size: Size) -> tuple[int, int]:
        """The nearest whole pixel in an image of `size`; the far edges belong to the last pixel."""
        return (
            min(size.width - 1, round(self.x * size.width)),
            min(size.height - 1, round(self.y * size.height)),
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """The sizes that a coordinate needs to be read: the screen, and the image as the model saw it.

    `screen` is the captured screen in pixels. `image` is what was sent to the model, `None` when it was the screen itself.
    """

    screen: Size
    image: Size | None = None

    @property
    def sent(self) -> Size:
        """Size in pixels of the image that was sent to the model, before the model's own resizing."""
        return self.image or self.screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Where a captured region lies on the desktop: its corner in desktop pixels and its size. `left` and `top` may be negative."""

    left: int
    top: int
    width: int
    height: int

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)

    def to_desktop(self, point: Point) -> tuple[int, int]:
        """The desktop pixel under `point`, for the hand that moves the pointer."""
        x_px, y_px = point.to_pixel(self.size)
        return self.left + x_px, self.top + y_px
