"""Grounding benchmarks: the predicted point lies inside the target, edges included.

ScreenSpot and -v2: njucckevin/SeeClick pretrain/screenspot_test.py (arXiv:2401.10935); -v2 is OS-Copilot/ScreenSpot-v2 (arXiv:2410.23218).
ScreenSpot-Pro: likaixin2000/ScreenSpot-Pro-GUI-Grounding eval_screenspot_pro.py (arXiv:2504.07981).
OSWorld-G: xlang-ai/OSWorld-G, GroundingEval._eval (arXiv:2505.13227): polygons by even-odd ray casting, and a refusal is right where both
predicted coordinates are negative; giving up in a model's own dialect counts as that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.metrics.base import Scored, StepScore, mean
from evaluation.steps import Act, EvalStep, Place, Polygon, Wanted
from evaluation.vocabularies.base import Vocabulary
from evaluation.vocabularies.grounding import GROUNDING, REFUSAL


@dataclass(frozen=True, slots=True)
class Grounding:
    """What the four share; they differ in how their papers group the samples."""

    name: str
    source: str
    groups: Callable[[Sequence[Scored]], dict[str, Any]]
    vocabulary: Vocabulary = GROUNDING

    def score(self, step: EvalStep, acts: Sequence[Act]) -> StepScore:
        best, number = max((max((_hits(wanted, acts) for wanted in option), default=0.0), -n) for n, option in enumerate(step.options))
        return StepScore(score=best, actions={step.truth[0].act.type: best} if step.truth else {}, option=-number if best else 0)

    def published(self, scored: Sequence[Scored]) -> dict[str, Any]:
        wrong_format = sum(bool(each.note) for each in scored)
        return {"action_acc": _accuracy(scored), "num_total": len(scored), "wrong_format_num": wrong_format, **self.groups(scored)}


def inside(polygon: Polygon, place: Place) -> bool:
    """Even-odd: how many edges a ray to the right crosses."""
    crossed = False
    before = polygon[-1]
    for corner in polygon:
        spans = (corner.y > place.y) != (before.y > place.y)
        if spans and place.x < (before.x - corner.x) * (place.y - corner.y) / (before.y - corner.y) + corner.x:
            crossed = not crossed
        before = corner
    return crossed


def _hits(wanted: Wanted, acts: Sequence[Act]) -> float:
    if not acts:
        return 0.0
    place = acts[0].place
    if wanted.act.type == REFUSAL.type:
        return float(acts[0].type == REFUSAL.type)
    if place is None:
        return 0.0
    return float(any(box.holds(place) for box in wanted.boxes) or any(inside(polygon, place) for polygon in wanted.polygons))


def _accuracy(scored: Sequence[Scored]) -> float:
    return mean([each.score.score for each in scored])


def _by(scored: Sequence[Scored], *tags: str) -> dict[str, float]:
    """Accuracy for each combination of values of `tags`."""
    groups: dict[str, list[Scored]] = {}
    for each in scored:
        values = [each.step.platform if tag == "platform" else each.step.tags.get(tag, "") for tag in tags]
        if all(values):
            groups.setdefault(" ".join(values), []).append(each)
    return {name: _accuracy(group) for name, group in sorted(groups.items())}


def _screenspot_groups(scored: Sequence[Scored]) -> dict[str, Any]:
    """Six groups, mobile, desktop and web by text and icon; their plain mean is what most papers call the average."""
    six = _by(scored, "platform", "ui_type")
    return {
        "groups": six,
        "group_average": mean(list(six.values())),
        "ui_types": _by(scored, "ui_type"),
        "platforms": _by(scored, "platform"),
    }


def _pro_groups(scored: Sequence[Scored]) -> dict[str, Any]:
    kinds = _by(scored, "ui_type")
    return {
        "text_acc": kinds.get("text", 0.0),
        "icon_acc": kinds.get("icon", 0.0),
        "groups": {**_by(scored, "group"), **_by(scored, "group", "ui_type")},
        "applications": _by(scored, "application"),
        "group_average": mean(list(_by(scored, "group").values())),
    }


def _osworld_groups(scored: Sequence[Scored]) -> dict[str, Any]:
    """A sample may be of several categories and then counts in each; refusals are one of their own."""
    categories: dict[str, list[Scored]] = {}
    for each in scored:
        for name in filter(None, each.step.tags.get("categories", "").split(",")):
            categories.setdefault(name, []).append(each)
    without = [each for each in scored if each.step.tags.get("box_type") != "refusal"]
    return {
        "box_types": _by(scored, "box_type"),
        "categories": {name: _accuracy(group) for name, group in sorted(categories.items())},
        "without_refusals": _accuracy(without),
    }


def screenspot() -> Grounding:
    source = "https://github.com/njucckevin/SeeClick/blob/661ff1b/pretrain/screenspot_test.py"
    return Grounding("screenspot", source, _screenspot_groups)


def screenspot_pro() -> Grounding:
    source = "https://github.com/likaixin2000/ScreenSpot-Pro-GUI-Grounding/blob/588f1f2/eval_screenspot_pro.py"
    return Grounding("screenspot-pro", source, _pro_groups)


def osworld_g() -> Grounding:
    return Grounding("osworld-g", "https://github.com/xlang-ai/OSWorld-G/tree/main/evaluation", _osworld_groups)
