"""Which earlier steps the model still sees: the window that slides with every step, and the blocks that grow and are trimmed rarely.

A server computes a prompt anew from the first token that differs from what it has cached. A window that drops its oldest screenshot
changes the front of the context at every step, and nearly all of it is computed again; a context that only grows costs one screenshot a
step. So `blocks` drops many at once, and then grows for many steps. What it drops follows from the steps alone, not from any state:
the same history gives the same context in a run, on a server, in training and in evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inference.families import History


class Shown(NamedTuple):
    """The first step whose screenshot is shown, and the first that is told at all; the second is never after the first."""

    screens_from: int
    words_from: int


class Cost(NamedTuple):
    """Tokens that an earlier step takes: its screenshot, and its words."""

    screen: int
    words: int


def window(num_steps: int, rule: History) -> Shown:
    """The last screenshots, the current one being one of `images`; the words of every step."""
    return Shown(0 if rule.images is None else max(0, num_steps - (rule.images - 1)), 0)


def blocks(costs: Sequence[Cost], current: int, prompt: int, rule: History) -> Shown:
    """What is left after the trims that the steps so far have made needed.

    `costs` are those of the earlier steps, `current` and `prompt` the tokens of the current screenshot and of the prompt.
    """
    assert rule.images is not None
    assert rule.keep_images is not None
    assert rule.budget_tokens is not None
    shown, total = Shown(0, 0), prompt
    screens = [*(cost.screen for cost in costs), current]
    for number, screen in enumerate(screens):
        total += screen
        if number + 1 - shown.screens_from > rule.images or total > rule.budget_tokens:
            shown, total = _trimmed(shown, total, number, screens, costs, rule.keep_images, rule.budget_tokens // 2)
        total += costs[number].words if number < len(costs) else 0
    return shown


def _trimmed(
    shown: Shown, total: int, number: int, screens: Sequence[int], costs: Sequence[Cost], keep_images: int, budget: int
) -> tuple[Shown, int]:
    """After a trim at step `number`: first screenshots go, the oldest before the others, then words; the current screenshot never."""
    screens_from, words_from = shown
    while screens_from < number and (number + 1 - screens_from > keep_images or total > budget):
        total -= screens[screens_from]
        screens_from += 1
    while words_from < screens_from and total > budget:
        total -= costs[words_from].words
        words_from += 1
    return Shown(screens_from, words_from), total
