"""The smart-resize rule: which size a vision model gives a picture, and so the space in which its pixel coordinates live."""

from __future__ import annotations

import math
from dataclasses import dataclass

from actions.geometry import Size

MAX_ASPECT_RATIO = 200


@dataclass(frozen=True, slots=True)
class ImageRule:
    """Each side becomes a multiple of `factor`, and the picture holds from `min_pixels` to `max_pixels`.

    Raises:
        ValueError: a number is not positive, or `min_pixels` is above `max_pixels`.
    """

    factor: int
    min_pixels: int
    max_pixels: int

    def __post_init__(self) -> None:
        for name in ("factor", "min_pixels", "max_pixels"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"image.{name} is {value!r}: it must be a whole number, 1 or more")
        if self.min_pixels > self.max_pixels:
            raise ValueError(f"image.min_pixels is {self.min_pixels}: it must not be above image.max_pixels, {self.max_pixels}")

    def resized(self, size: Size) -> Size:
        """The size that the model's processor gives a picture of `size`.

        Raises:
            ValueError: `size` is empty, or more than 200 times as long as it is wide.
        """
        width, height = size
        if width < 1 or height < 1:
            raise ValueError(f"a picture of {width}x{height} is empty: both sides must be at least 1 pixel")
        if max(width, height) > MAX_ASPECT_RATIO * min(width, height):
            raise ValueError(f"a picture of {width}x{height} is too narrow: models take sides that differ at most {MAX_ASPECT_RATIO} times")
        # `round` is Python's banker's rounding: the reference implementations use it, and 1.5 factors become 2, 2.5 also 2.
        rounded = Size(self._multiple(round(width / self.factor)), self._multiple(round(height / self.factor)))
        if rounded.width * rounded.height > self.max_pixels:
            shrink = math.sqrt(width * height / self.max_pixels)
            return Size(*(self._multiple(math.floor(side / shrink / self.factor)) for side in size))
        if rounded.width * rounded.height < self.min_pixels:
            grow = math.sqrt(self.min_pixels / (width * height))
            return Size(*(self._multiple(math.ceil(side * grow / self.factor)) for side in size))
        return rounded

    def padded(self, size: Size) -> tuple[Size, Size]:
        """For models that pad (Kimi-VL's MoonViT): the picture after it was shrunk to `max_pixels`, and after padding at its right and
        bottom to multiples of `factor`.

        Raises:
            ValueError: `size` is empty.
        """
        width, height = size
        if width < 1 or height < 1:
            raise ValueError(f"a picture of {width}x{height} is empty: both sides must be at least 1 pixel")
        patch = self.factor // 2  # the limit counts whole patches, four of which make a token
        patches, most = (width // patch) * (height // patch), self.max_pixels // patch**2
        shrink = math.sqrt(most / patches) if patches > most else 1.0
        kept = Size(max(1, int(width * shrink)), max(1, int(height * shrink)))
        return kept, Size(*(self._multiple(math.ceil(side / self.factor)) for side in kept))

    def fitted(self, size: Size) -> tuple[tuple[float, float], int]:
        """For models that see squares of one size (Chameleon): the picture's width and height within its square, and the square's side.

        The picture is filled up at its right and bottom before it is resized, so that its own sides need not become whole pixels.

        Raises:
            ValueError: `size` is empty.
        """
        width, height = size
        if width < 1 or height < 1:
            raise ValueError(f"a picture of {width}x{height} is empty: both sides must be at least 1 pixel")
        side = self._multiple(math.isqrt(self.max_pixels) // self.factor)
        return (side * width / max(size), side * height / max(size)), side

    def _multiple(self, count: int) -> int:
        return max(1, count) * self.factor
