"""GUI-Odyssey: the action matching score (AMS), right or wrong for each step, and the success rate of whole episodes.

Defined by OpenGVLab/GUI-Odyssey, src/eval_mm/GUIOdyssey_action_matching.py and evaluate_GUIOdyssey.py at e12788f (arXiv:2406.08451): the
type must be the same; a click or long press lies in the target's box (found by SAM 2, edges included) or at most 0.14 of the screen from
the place; a text holds the other or their normalised edit similarity is at least 0.5; a scroll goes the same way; the rest is right by its
type. One slip is not repeated: their reader cuts what follows a second colon in a typed text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evaluation.metrics.base import Scored, StepScore, mean
from evaluation.metrics.text import edit_distance
from evaluation.steps import Act, EvalStep, Wanted
from evaluation.vocabularies.base import Vocabulary
from evaluation.vocabularies.odyssey import ODYSSEY, POINTED

NEAR = 0.14
SAME_TEXT = 0.5


class Odyssey:
    """The metric."""

    name = "odyssey"
    source = "https://github.com/OpenGVLab/GUI-Odyssey/blob/e12788f/src/eval_mm/GUIOdyssey_action_matching.py"
    vocabulary: Vocabulary = ODYSSEY

    def score(self, step: EvalStep, acts: Sequence[Act]) -> StepScore:
        (wanted,), said = step.truth, acts[0] if acts else None
        same_type = said is not None and said.type == wanted.act.type
        right = float(said is not None and same_type and _matches(wanted, said))
        return StepScore(score=right, actions={wanted.act.type: right}, parts={"type": float(same_type)})

    def published(self, scored: Sequence[Scored]) -> dict[str, Any]:
        """AMS over all steps (theirs for the app, device and task splits), and averaged over the six categories (for the random split)."""
        categories = sorted({category for each in scored if (category := each.step.tags.get("category"))})
        by_category = {name: _figures([each for each in scored if each.step.tags.get("category") == name]) for name in categories}
        return {
            **_figures(scored),
            "action_type": mean([each.score.parts["type"] for each in scored]),
            "categories": by_category,
            "AMS_over_categories": mean([each["AMS"] for each in by_category.values()]),
            "SR_over_categories": mean([each["SR"] for each in by_category.values()]),
        }


def _matches(wanted: Wanted, said: Act) -> bool:
    kind = wanted.act.type
    if kind in POINTED:
        return _near(wanted, said)
    if kind == "TYPE":
        return same_text(wanted.act.text, said.text)
    return kind != "SCROLL" or wanted.act.value.lower() == said.value.lower()


def _near(wanted: Wanted, said: Act) -> bool:
    if said.place is None or wanted.act.place is None:
        return False
    if any(box.holds(said.place) for box in wanted.boxes):
        return True
    dx, dy = said.place.x - wanted.act.place.x, said.place.y - wanted.act.place.y
    return bool((dx**2 + dy**2) ** 0.5 <= NEAR)


def same_text(wanted: str, said: str) -> bool:
    """One holds the other, or they are alike enough; a text that is empty is held by every other, as in the original."""
    wanted, said = wanted.strip(), said.strip()
    if wanted in said or said in wanted:
        return True
    return 1 - edit_distance(wanted, said) / max(len(wanted), len(said)) >= SAME_TEXT


def _figures(scored: Sequence[Scored]) -> dict[str, float]:
    whole: dict[str, bool] = {}
    for each in scored:
        whole[each.step.episode] = whole.get(each.step.episode, True) and each.success
    return {"AMS": mean([each.score.score for each in scored]), "SR": mean([float(good) for good in whole.values()])}
