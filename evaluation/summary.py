"""The figures of a result: over all steps and over episodes, broken down by action, platform, target size and step index."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from evaluation.metrics.base import Scored
from evaluation.scoring import Result
from evaluation.statistics import figure, macro_figure

# Of the screen's area: an icon, a button, a row, more.
SIZES = ((0.0005, "below 0.05 %"), (0.005, "0.05-0.5 %"), (0.05, "0.5-5 %"), (math.inf, "5 % and more"))
INDICES = ((1, "1"), (3, "2-3"), (6, "4-6"), (10, "7-10"), (20, "11-20"), (math.inf, "21 and later"))


def steps_as_json(result: Result) -> list[dict[str, Any]]:
    """One object a step, in the data set's order."""
    return [_step(each) for each in result.scored]


def summary_as_json(result: Result) -> dict[str, Any]:
    """Every figure, with its standard error and interval, and what the authors' scorer would print, under its names."""
    scored = result.scored
    truths = [each for each in scored if each.step.milestone]
    return {
        "score": _mean(scored),
        "step": _figure(scored, _score),
        "step_macro": _macro(scored, _score),
        "step_success": _figure(scored, _success),
        "episode_success": _episodes(scored),
        "milestones": _figure(truths, _score) if truths else None,
        "parts": {part: _part(scored, part) for part in _names(each.score.parts for each in scored)},
        "actions": {kind: _action(scored, kind) for kind in _names(each.score.actions for each in scored)},
        "by_action": _groups(scored, wanted_type),
        "by_platform": _groups(scored, lambda each: each.step.platform),
        "by_split": _groups(scored, lambda each: each.step.split),
        "by_target_size": _groups(scored, target_size, [name for _, name in SIZES]),
        "by_step_index": _groups(scored, _index, [name for _, name in INDICES]),
        "num_steps": len(scored),
        "num_episodes": len({each.step.episode for each in scored}),
        "num_missing": result.num_missing,
        "num_unreadable": result.num_unreadable,
        "num_unknown": len(result.unknown),
        "alternative_share": sum(each.score.option > 0 for each in scored) / len(scored),
        "published": result.metric.published(scored),
    }


def result_as_json(result: Result) -> dict[str, Any]:
    """What `deftly eval --predictions --json` prints."""
    data = result.dataset
    return {
        "dataset": {"name": data.name, "variant": data.variant, "path": str(data.path), "sha256": data.digest},
        "metric": {"name": result.metric.name, "source": result.metric.source},
        "dialect": result.dialect,
        "steps": steps_as_json(result),
        "unknown": [{"episode": each.episode, "step": each.step, "line": each.line} for each in result.unknown],
        "summary": summary_as_json(result),
    }


def _step(each: Scored) -> dict[str, Any]:
    told: dict[str, Any] = {
        "episode": each.step.episode,
        "step": each.step.step,
        "wanted": wanted_type(each),
        "score": each.score.score,
        "actions": dict(each.score.actions),
        "option": each.score.option,
    }
    if each.score.parts:
        told["parts"] = dict(each.score.parts)
    if each.note:
        told["note"] = each.note
    return told


def _score(each: Scored) -> float:
    return each.score.score


def _success(each: Scored) -> float:
    return float(each.success)


def _mean(scored: Sequence[Scored]) -> float:
    return math.fsum(map(_score, scored)) / len(scored)


def _figure(scored: Sequence[Scored], value: Callable[[Scored], float]) -> dict[str, Any]:
    return figure([value(each) for each in scored], [each.step.episode for each in scored]).as_json()


def _macro(scored: Sequence[Scored], value: Callable[[Scored], float]) -> dict[str, Any]:
    return macro_figure([value(each) for each in scored], [each.step.episode for each in scored]).as_json()


def _episodes(scored: Sequence[Scored]) -> dict[str, Any]:
    """The share of episodes all of whose steps succeed."""
    whole: dict[str, bool] = {}
    for each in scored:
        whole[each.step.episode] = whole.get(each.step.episode, True) and each.success
    return figure([float(good) for good in whole.values()], list(whole)).as_json()


def _part(scored: Sequence[Scored], part: str) -> dict[str, Any]:
    having = [each for each in scored if part in each.score.parts]
    return _figure(having, lambda each: each.score.parts[part])


def _action(scored: Sequence[Scored], kind: str) -> dict[str, Any]:
    """As the authors average types: over the steps whose scored option has the type."""
    having = [each for each in scored if kind in each.score.actions]
    return _figure(having, lambda each: each.score.actions[kind])


def _groups(scored: Sequence[Scored], key: Callable[[Scored], str], order: Sequence[str] = ()) -> dict[str, Any]:
    """The score within each group; steps whose key is empty belong to none."""
    groups: dict[str, list[Scored]] = {name: [] for name in order}
    for each in scored:
        if name := key(each):
            groups.setdefault(name, []).append(each)
    names = order or sorted(groups)
    return {name: _figure(groups[name], _score) for name in names if groups[name]}


def wanted_type(each: Scored) -> str:
    """What the ground truth does, in the data set's words."""
    return "+".join(wanted.act.type for wanted in each.step.truth)


def target_size(each: Scored) -> str:
    """The class of the smallest box among the targets; empty where there is none."""
    areas = [box.area for wanted in each.step.truth for box in wanted.boxes]
    return next(name for limit, name in SIZES if min(areas) < limit) if areas else ""


def _index(each: Scored) -> str:
    return next(name for limit, name in INDICES if each.step.index + 1 <= limit)


def _names(mappings: Iterable[Any]) -> list[str]:
    return sorted({name for mapping in mappings for name in mapping})
