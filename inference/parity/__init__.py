"""Whether two ways of running one model agree: logits and greedy tokens on a set of screens, and where a difference starts.

screens   what is shown; trace: what one way made of it; ours, library, vllm: the ways; compare: how far apart two traces are
"""

from __future__ import annotations

from inference.parity.compare import Difference, compare
from inference.parity.screens import Screen, built_in_screens
from inference.parity.trace import Trace, Way

__all__ = ["Difference", "Screen", "Trace", "Way", "built_in_screens", "compare"]
