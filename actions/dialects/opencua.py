"""The dialect of OpenCUA: `pyautogui.click(x=966, y=546)` under "## Code:", in pixels of the resized image, or in fractions.

The form is that of github.com/xlang-ai/OpenCUA. OpenCUA-7B, -32B and -72B write pixels, OpenCUA-A3B and OpenCUA-Qwen2-7B fractions;
where the model's rule is not stated, numbers that were both written with a point and lie in [0, 1] are fractions.
"""

from __future__ import annotations

from actions.dialects.code_dialect import CodeDialect
from actions.resize import ImageRule


class OpenCua(CodeDialect):
    """OpenCUA and models trained on AgentNet."""

    name = "opencua"
    family_rule = ImageRule(factor=28, min_pixels=3136, max_pixels=12845056)
    family_coordinates = "resized"
    either = True
