"""Coordinate rules: the space in which a model family writes places, chosen by one word, and its two-way street to points.

resized          pixels of the image as the model's processor resized it (Qwen2.5-VL, UI-TARS-1.5, OpenCUA-7B)
square           pixels of the square image into whose top left corner the picture was fitted (Chameleon)
relative-1000    from 0 to 1000 in both directions (Qwen2-VL, UI-TARS-1.0, Doubao, Qwen3-VL, GUI-Owl-1.5)
relative-999     from 0 to 999 in both directions, 999 being the far edge (GLM-V)
thousandths      from 0 to 999 in both directions, each a thousandth of the side (UI-Venus-2)
fraction         from 0 to 1 in both directions (Kimi-VL, OpenCUA-A3B)
fraction-padded  fractions of the image after it was padded at its right and bottom to whole patches (a setting for Kimi-VL)
sent             pixels of the image that was sent (Anthropic, OpenAI)
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from actions.geometry import Frame, Point, Region, Size
from actions.resize import ImageRule

Coordinates = Literal["resized", "square", "relative-1000", "relative-999", "thousandths", "fraction", "fraction-padded", "sent"]
COORDINATES: tuple[Coordinates, ...] = get_args(Coordinates)
FRACTION_DECIMALS = 4  # a hundredth of a per cent, as AgentNet writes them: half a unit is below half a pixel up to 10,000 px


class ModelSpace(NamedTuple):
    """The space in which a model writes coordinates: `width` and `height` units across the picture that it saw.

    It writes numbers with `decimals` places, up to `last_x` and `last_y`. `region` is the part of the screen that the picture
    shows, as fractions, `None` for all of it.
    """

    width: float
    height: float
    name: str
    last_x: float
    last_y: float
    decimals: int = 0
    region: Region | None = None

    def point(self, x: float, y: float) -> Point:
        """The point of the screen that the model means.

        Raises:
            ValueError: it lies outside the space.
        """
        if not 0 <= x <= self.last_x:
            raise ValueError(f"x is {x:g}, outside {self.name}: x goes from 0 to {self.last_x:g}")
        if not 0 <= y <= self.last_y:
            raise ValueError(f"y is {y:g}, outside {self.name}: y goes from 0 to {self.last_y:g}")
        if self.region is None:
            return Point(min(1.0, x / self.width), min(1.0, y / self.height))
        return self.region.outward(x / self.width, y / self.height)

    def numbers(self, point: Point) -> tuple[float, float]:
        """The numbers with which the model would write `point`: whole ones where the space has no decimals.

        Raises:
            ValueError: the picture does not show the point.
        """
        x, y = (point.x, point.y) if self.region is None else self.region.inward(point)
        if self.decimals:
            return min(self.last_x, round(x * self.width, self.decimals)), min(self.last_y, round(y * self.height, self.decimals))
        return min(int(self.last_x), round(x * self.width)), min(int(self.last_y), round(y * self.height))


@lru_cache(maxsize=256)
def space_of(coordinates: Coordinates, frame: Frame, rule: ImageRule) -> ModelSpace:
    """The space of a model that saw `frame`; `rule` is how its processor sizes pictures.

    Raises:
        ValueError: `coordinates` is no rule, or no model takes a picture of that size.
    """
    match coordinates:
        case "resized":
            size = rule.resized(frame.sent)
            return _pixels(size, f"the {size} image that the model sees", frame)
        case "square":
            kept, side = rule.fitted(frame.sent)
            last_x, last_y = (math.ceil(length) for length in kept)
            return ModelSpace(*kept, f"the picture within its square of {side}x{side}", last_x, last_y, region=frame.region)
        case "relative-1000":
            return _relative(1000, 1000, frame)
        case "relative-999":
            return _relative(999, 999, frame)
        case "thousandths":
            return _relative(1000, 999, frame)
        case "fraction":
            return _fractions(1.0, 1.0, "the fractions from 0 to 1", frame)
        case "fraction-padded":
            kept, padded = rule.padded(frame.sent)
            return _fractions(kept.width / padded.width, kept.height / padded.height, f"the picture within its padding to {padded}", frame)
        case "sent":
            return _pixels(frame.sent, f"the {frame.sent} image that was sent", frame)
    raise ValueError(f"coordinates is {coordinates!r}: it must be one of {', '.join(COORDINATES)}")


def _pixels(size: Size, name: str, frame: Frame) -> ModelSpace:
    return ModelSpace(size.width, size.height, name, size.width, size.height, region=frame.region)


def _relative(units: int, last: int, frame: Frame) -> ModelSpace:
    return ModelSpace(units, units, f"the relative space of {last}x{last}", last, last, region=frame.region)


def _fractions(width: float, height: float, name: str, frame: Frame) -> ModelSpace:
    last_x, last_y = (math.ceil(side * 10**FRACTION_DECIMALS) / 10**FRACTION_DECIMALS for side in (width, height))
    return ModelSpace(width, height, name, last_x, last_y, FRACTION_DECIMALS, frame.region)
