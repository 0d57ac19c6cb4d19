"""The dialect of UI-TARS 1.0: `click(start_box='<|box_start|>(235,512)<|box_end|>')`, from 0 to 1000 in both directions.

The form is that of github.com/bytedance/UI-TARS, README_v1.md. What UI-TARS has no words for is said in the same syntax, and listed in
`actions.dialects.uitars_words`.
"""

from __future__ import annotations

from actions.dialects.uitars import UiTars
from actions.dialects.uitars_words import Notation


class UiTars10(UiTars):
    """UI-TARS 1.0 (2B, 7B, 72B)."""

    name = "uitars-1.0"
    family_coordinates = "relative-1000"
    notation = Notation("start_box", "start_box", "end_box", "<|box_start|>({x},{y})<|box_end|>")
