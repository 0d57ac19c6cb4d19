"""The dialect of the bundled model: that of UI-TARS 1.5, with the image rule of the small pictures that it sees."""

from __future__ import annotations

from actions.dialects.uitars_1_5 import UiTars15
from actions.resize import ImageRule


class DeftlyTiny(UiTars15):
    """deftly-tiny; the figures are those of `inference/families/deftly-tiny.yaml`."""

    name = "deftly-tiny"
    family_rule = ImageRule(factor=32, min_pixels=65536, max_pixels=262144)
