"""The dialects of GUI-Owl: those of Qwen3-VL with `interact`, which asks the user, and in older versions a conclusion behind the call.

The form is that of github.com/X-PLUG/MobileAgent, Mobile-Agent-v3.5 (computer_use, mobile_use).
"""

from __future__ import annotations

from actions.dialects.qwen import Qwen3Vl, Qwen3VlMobile
from actions.resize import ImageRule

GUI_OWL_RULE = ImageRule(factor=16, min_pixels=3136, max_pixels=10035200)


class GuiOwl(Qwen3Vl):
    """GUI-Owl-1.5 at a computer."""

    name = "gui-owl"
    family_rule = GUI_OWL_RULE


class GuiOwlMobile(Qwen3VlMobile):
    """GUI-Owl-1.5 at a phone."""

    name = "gui-owl-mobile"
    family_rule = GUI_OWL_RULE
