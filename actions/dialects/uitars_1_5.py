"""The dialect of UI-TARS 1.5: `click(point='<point>197 525</point>')`, in pixels of the image as the model's processor resized it.

The form is that of github.com/bytedance/UI-TARS, codes/ui_tars/prompt.py. What UI-TARS has no words for is said in the same syntax, and
listed in `actions.dialects.uitars_words`.
"""

from __future__ import annotations

from actions.dialects.uitars import UiTars
from actions.dialects.uitars_words import Notation


class UiTars15(UiTars):
    """UI-TARS 1.5 with open weights, and models that write like it with an image rule of their own."""

    name = "uitars-1.5"
    family_coordinates = "resized"
    notation = Notation("point", "start_point", "end_point", "<point>{x} {y}</point>")
