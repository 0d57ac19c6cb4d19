"""The dialect of Kimi-VL and Kimi-K2.5: `pyautogui.click(x=0.5, y=0.26)` under "## Code:", in fractions of the picture.

The form is that of kimi_agent in github.com/xlang-ai/OSWorld. Thinking may stand between ◁think▷ and ◁/think▷. Fractions refer to the
picture without its padding; `coordinates: fraction-padded` says otherwise for a model that counts the padding.
"""

from __future__ import annotations

from actions.dialects.code_dialect import CodeDialect
from actions.resize import ImageRule


class KimiVl(CodeDialect):
    """Kimi-VL-A3B (Instruct, Thinking) and Kimi-K2.5."""

    name = "kimi-vl"
    family_rule = ImageRule(factor=28, min_pixels=1, max_pixels=4096 * 14 * 14)
    family_coordinates = "fraction"
