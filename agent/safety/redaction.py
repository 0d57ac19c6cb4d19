"""What is hidden of the screen, and from whom: black boxes on what is kept, others on what the model is shown.

The boxes are worked out when a screenshot is taken, on the screen as it then is. A box that cannot be worked out hides the whole screen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actions.geometry import Size
from agent.change import Rect
from agent.endings import DisplayLost
from agent.safety.place import Scene, window_fits
from agent.safety.rules import Redaction, Region, SafetyPolicy, Viewer
from agent.screenshot import Screenshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """One screenshot as each viewer may see it; the very same object where nothing is hidden."""

    model: Screenshot
    recording: Screenshot


class Redactor:
    """Hides what `policy` says; `scene` tells where windows and fields are."""

    def __init__(self, policy: SafetyPolicy, scene: Scene) -> None:
        self._redactions = policy.redactions
        self._scene = scene

    def views_of(self, seen: Screenshot) -> Views:
        """`seen`, taken just now, for the model and for the recording."""
        return Views(model=self._view(seen, "model"), recording=self._view(seen, "recording"))

    def _view(self, seen: Screenshot, viewer: Viewer) -> Screenshot:
        boxes: list[Rect] = []
        for redaction in self._redactions:
            if viewer in redaction.hidden_from:
                boxes += self._boxes(redaction, seen.size)
        return blackened(seen, boxes)

    def _boxes(self, redaction: Redaction, size: Size) -> list[Rect]:
        boxes = [box_of(region, size) for region in redaction.regions]
        try:
            return boxes + self._boxes_of_scene(redaction, size)
        except DisplayLost:
            return [Rect(0, 0, *size)]

    def _boxes_of_scene(self, redaction: Redaction, size: Size) -> list[Rect]:
        boxes: list[Rect] = []
        if redaction.windows:
            windows = self._scene.windows()
            if windows is not None:
                boxes += [box for name, box in windows if window_fits(name, redaction.windows)]
            elif redaction.unknown == "match":  # any place may be one of those windows
                boxes.append(Rect(0, 0, *size))
        if redaction.password_fields:
            boxes += self._scene.password_boxes() or ()  # "where known": a desktop does not say, and draws dots by itself
        if redaction.secret_fields:
            boxes += self._scene.secret_boxes() or ()
        return boxes


def box_of(region: Region, size: Size) -> Rect:
    """`region` in pixels, rounded outwards."""
    return Rect(
        math.floor(region.left * size.width),
        math.floor(region.top * size.height),
        math.ceil(region.right * size.width),
        math.ceil(region.bottom * size.height),
    )


def blackened(seen: Screenshot, boxes: Sequence[Rect]) -> Screenshot:
    """A copy of `seen` with `boxes` black, or `seen` itself when there are none. Its digest is that of what is left."""
    if not boxes:
        return seen
    rgb = np.array(seen.rgb)
    for left, top, right, bottom in boxes:
        rgb[top:bottom, left:right] = 0
    return Screenshot.from_rgb(rgb, seen.geometry, seen.taken_at, seen.condition)
