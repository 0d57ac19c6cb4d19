"""Whether two steps saw the same: the screens may differ in a caret, and where they were seen to change by themselves."""

from __future__ import annotations

import numpy as np

from agent.change import Rect, changed_rects
from agent.habits import TINY_PX, is_caret
from agent.screenshot import Screenshot, to_raw
from agent.step import Step

SAMPLE_PX = 8  # every eighth pixel of every eighth row tells most different screens apart, in 0.2 ms
MANY_SAMPLES = 4 * TINY_PX // SAMPLE_PX**2  # more than carets, spinners and clocks make up


def same_screen(one: Step, other: Step) -> bool:
    """Whether nothing but carets and restless places tells what `one` and `other` saw apart."""
    if one.seen.sha256 == other.seen.sha256:
        return True
    if one.seen.geometry != other.seen.geometry or _plainly_differ(one.seen, other.seen):
        return False
    restless = (*one.restless, *other.restless)
    changes = changed_rects(to_raw(one.seen), to_raw(other.seen))
    return all(is_caret(rect) or _lies_in(rect, restless) for rect in changes)


def _plainly_differ(one: Screenshot, other: Screenshot) -> bool:
    samples = (slice(None, None, SAMPLE_PX), slice(None, None, SAMPLE_PX))
    differ = (one.rgb[samples] != other.rgb[samples]).any(axis=2)
    return bool(np.count_nonzero(differ) > MANY_SAMPLES)


def _lies_in(rect: Rect, places: tuple[Rect, ...]) -> bool:
    return any(place.grown(2).contains(rect) for place in places)
