"""Places and sizes: a `Point` is a fraction of a screen, a `Frame` holds the sizes that turn it into pixels and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def _check_size(field: str, size: Size) -> None:
    if size.width < 1 or size.height < 1:
        raise ValueError(f"{field} is {size.width}x{size.height}: both sides must be at least 1 pixel")


@dataclass(frozen=True, slots=True)
class Point:
    """A place on a screen as fractions of its width and height, each in [0, 1].

    Raises:
        ValueError: a coordinate is not a finite number in [0, 1].
    """

    x: float
    y: float

    def __post_init__(self) -> None:
        if 0.0 <= self.x <= 1.0 and 0.0 <= self.y <= 1.0:  # false for NaN too
            if type(self.x) is not float or type(self.y) is not float:
                object.__setattr__(self, "x", float(self.x))
                object.__setattr__(self, "y", float(self.y))
            return
        name, value = ("y", self.y) if 0.0 <= self.x <= 1.0 else ("x", self.x)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of a screen as fractions of its width and height: what a picture shows that is a crop of the screen, a zoom.

    Raises:
        ValueError: it is empty, or reaches beyond the screen.
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0.0 <= self.left < self.right <= 1.0 and 0.0 <= self.top < self.bottom <= 1.0):
            raise ValueError(f"{self} is no part of a screen: give fractions with 0 <= left < right <= 1 and 0 <= top < bottom <= 1")

    @classmethod
    def around(cls, target: Point, size: Size, screen: Size) -> Region:
        """The part of `size` pixels of `screen` that has `target` in its middle, moved inside where it would reach beyond an edge."""
        width, height = min(size.width, screen.width), min(size.height, screen.height)
        left = min(max(0, round(target.x * screen.width - width / 2)), screen.width - width)
        top = min(max(0, round(target.y * screen.height - height / 2)), screen.height - height)
        return cls(
            left=left / screen.width,
            top=top / screen.height,
            right=(left + width) / screen.width,
            bottom=(top + height) / screen.height,
        )

    def size_px(self, screen: Size) -> Size:
        """How many pixels of `screen` it covers, at least one each way."""
        width, height = (self.right - self.left) * screen.width, (self.bottom - self.top) * screen.height
        return Size(max(1, round(width)), max(1, round(height)))

    def outward(self, x: float, y: float) -> Point:
        """The point of the screen at the fractions `x`, `y` of this part."""
        return Point(
            min(1.0, self.left + x * (self.right - self.left)),
            min(1.0, self.top + y * (self.bottom - self.top)),
        )

    def inward(self, point: Point) -> tuple[float, float]:
        """Where `point` of the screen lies in this part, as fractions of it.

        Raises:
            ValueError: it lies outside.
        """
        x, y = (point.x - self.left) / (self.right - self.left), (point.y - self.top) / (self.bottom - self.top)
        if not (-1e-9 <= x <= 1 + 1e-9 and -1e-9 <= y <= 1 + 1e-9):
            raise ValueError(f"{point} lies outside the part of the screen that the picture shows, {self}")
        return min(1.0, max(0.0, x)), min(1.0, max(0.0, y))


@dataclass(frozen=True, slots=True)
class Frame:
    """The sizes that a coordinate needs to be read: the screen, and the image as the model saw it.

    `screen` is the captured screen in pixels. `image` is what was sent to the model, `None` when it was the screen itself at its own size.
    `region` is the part of the screen that the image shows, `None` for all of it.

    Raises:
        ValueError: a size has an empty side.
    """

    screen: Size
    image: Size | None = None
    region: Region | None = None

    def __post_init__(self) -> None:
        _check_size("frame.screen", self.screen)
        if self.image is not None:
            _check_size("frame.image", self.image)

    @property
    def sent(self) -> Size:
        """Size in pixels of the image that was sent to the model, before the model's own resizing."""
        if self.image is None and self.region is not None:
            return self.region.size_px(self.screen)
        return self.image or self.screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Where a captured region lies on the desktop: its corner in desktop pixels and its size. `left` and `top` may be negative.

    Raises:
        ValueError: the region is empty.
    """

    left: int
    top: int
    width: int
    height: int

    def __post_init__(self) -> None:
        _check_size("geometry", self.size)

    @property
    def size(self) -> Size:
        """Width and height of the region."""
        return Size(self.width, self.height)

    def to_desktop(self, point: Point) -> tuple[int, int]:
        """The desktop pixel under `point`, for the hand that moves the pointer."""
        x_px, y_px = point.to_pixel(self.size)
        return self.left + x_px, self.top + y_px

    def from_desktop(self, x_px: int, y_px: int) -> Point | None:
        """The point at a desktop pixel, `None` when it lies outside the region; for whoever records what a hand did."""
        x, y = x_px - self.left, y_px - self.top
        inside = 0 <= x < self.width and 0 <= y < self.height
        return Point.from_pixel(x, y, self.size) if inside else None
