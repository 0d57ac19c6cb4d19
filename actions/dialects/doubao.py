"""The dialect of Doubao, the hosted UI-TARS 1.5: its words are those of the open weights, its coordinates go from 0 to 1000.

The form is COMPUTER_USE_DOUBAO of github.com/bytedance/UI-TARS, codes/ui_tars/prompt.py. That the hosted model counts from 0 to 1000, and
the open weights count pixels, is issue 189 there.
"""

from __future__ import annotations

from actions.dialects.uitars import UiTars
from actions.dialects.uitars_words import Notation


class Doubao(UiTars):
    """Doubao-1.5-UI-TARS and Seed-1.5-VL as hosted on Volcengine."""

    name = "doubao"
    family_coordinates = "relative-1000"
    notation = Notation("point", "start_point", "end_point", "<point>{x} {y}</point>")
