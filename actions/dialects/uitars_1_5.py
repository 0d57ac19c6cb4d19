"""The dialect of UI-TARS 1.5: `click(point='<point>197 525</point>')`, in pixels of the image as the model's processor resized it.

What UI-TARS has no words for is said in the same syntax, and listed in `actions.dialects.uitars_words`.
"""

from __future__ import annotations

from typing import ClassVar

from actions.dialects.places import ModelSpace
from actions.dialects.uitars import UiTars
from actions.dialects.uitars_words import Notation
from actions.geometry import Frame
from actions.resize import ImageRule

UITARS_IMAGE_RULE = ImageRule(factor=28, min_pixels=100 * 28 * 28, max_pixels=16384 * 28 * 28)


class UiTars15(UiTars):
    """UI-TARS 1.5 with open weights, and models that write like it with an image rule of their own."""

    name: ClassVar[str] = "uitars-1.5"
    notation: ClassVar[Notation] = Notation("point", "start_point", "end_point", "<point>{x} {y}</point>")

    def __init__(self, image_rule: ImageRule | None = None) -> None:
        self.image_rule = image_rule or UITARS_IMAGE_RULE

    def space(self, frame: Frame) -> ModelSpace:
        """The pixels of the resized image."""
        size = self.image_rule.resized(frame.sent)
        return ModelSpace(size.width, size.height, f"the {size} image that the model sees")
