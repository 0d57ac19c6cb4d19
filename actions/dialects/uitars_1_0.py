"""The dialect of UI-TARS 1.0: `click(start_box='<|box_start|>(235,512)<|box_end|>')`, from 0 to 1000 in both directions.

What UI-TARS has no words for is said in the same syntax, and listed in `actions.dialects.uitars_words`.
"""

from __future__ import annotations

from typing import ClassVar

from actions.dialects.places import ModelSpace
from actions.dialects.uitars import UiTars
from actions.dialects.uitars_words import Notation
from actions.geometry import Frame
from actions.resize import ImageRule

_SPACE = ModelSpace(1000, 1000, "the relative space of 1000x1000")


class UiTars10(UiTars):
    """UI-TARS 1.0 (2B, 7B, 72B). Its coordinates are relative: no image rule changes them."""

    name: ClassVar[str] = "uitars-1.0"
    notation: ClassVar[Notation] = Notation("start_box", "start_box", "end_box", "<|box_start|>({x},{y})<|box_end|>")

    def __init__(self, image_rule: ImageRule | None = None) -> None:
        self.image_rule = image_rule

    def space(self, frame: Frame) -> ModelSpace:
        """0 to 1000, whatever the frame."""
        return _SPACE
