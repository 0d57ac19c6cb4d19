"""Two runs on the same steps, step by step: how much they differ, how likely so much is by chance, and where.

Scores are compared by a sign-flip permutation test over episodes (`statistics.paired`), successes also by McNemar's exact test (1947),
which takes steps for independent and so is the more daring of the two.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.errors import PredictionsError
from evaluation.statistics import Paired, paired

REPORT = "report.json"
NOTICEABLE = 0.005  # a score that falls off with distance differs a little everywhere


class Point(NamedTuple):
    """What is compared: one step, or one trial, with its score in either run. Points of one `cluster` resemble each other."""

    cluster: str
    name: str
    group: str
    first: float
    second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`first` and `second` are the reports as they were written."""

    first: Mapping[str, Any]
    second: Mapping[str, Any]
    names: tuple[str, str]
    live: bool
    points: tuple[Point, ...]
    only_first: int
    only_second: int

    @property
    def differing(self) -> tuple[Point, ...]:
        return tuple(point for point in self.points if abs(point.first - point.second) > NOTICEABLE)


def read_report(run: Path) -> dict[str, Any]:
    """The report in a run's folder, or in a file.

    Raises:
        PredictionsError: there is none.
    """
    file = run / REPORT if run.is_dir() else run
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PredictionsError(f"{file} is no report of deftly eval that can be read: {error}") from error
    if not isinstance(told, dict) or not ("steps" in told or "trials" in told):
        raise PredictionsError(f"{file} is no report of deftly eval: it has neither steps nor trials")
    return told


def compare(first: Mapping[str, Any], second: Mapping[str, Any], places: tuple[str, str] = ("first", "second")) -> Comparison:
    """The comparison of two reports, by whatever steps or trials both have. `places` tell runs of one model apart.

    Raises:
        PredictionsError: they are not about the same data, scored by the same metric.
    """
    live = "trials" in first
    _check_alike(first, second, live)
    scores = [_trials(told) if live else _steps(told) for told in (first, second)]
    both = [key for key in scores[0] if key in scores[1]]
    if not both:
        raise PredictionsError("the two runs have not one step in common")
    points = tuple(Point(key[0], key[1], scores[0][key][0], scores[0][key][1], scores[1][key][1]) for key in both)
    return Comparison(
        first=first,
        second=second,
        names=_names(first, second, places),
        live=live,
        points=points,
        only_first=len(scores[0]) - len(both),
        only_second=len(scores[1]) - len(both),
    )


def as_json(found: Comparison) -> dict[str, Any]:
    """What `deftly eval compare --json` prints."""
    by_group = {
        name: _tested([each for each in found.points if each.group == name]) for name in sorted({each.group for each in found.points})
    }
    return {
        "first": found.names[0],
        "second": found.names[1],
        "num_compared": len(found.points),
        "only_in_first": found.only_first,
        "only_in_second": found.only_second,
        **_tested(found.points),
        "success": _mcnemar(found.points),
        "by_task" if found.live else "by_action": by_group,
        "differing": [_differing(each, found.live) for each in found.differing],
    }


def _differing(point: Point, live: bool) -> dict[str, Any]:
    where = {"trial": point.name} if live else {"episode": point.cluster, "step": int(point.name)}
    return {**where, "scores": [point.first, point.second]}


def _names(first: Mapping[str, Any], second: Mapping[str, Any], places: tuple[str, str]) -> tuple[str, str]:
    """The models; with the places of the runs where those are the same."""
    models = [str((told.get("run") or told).get("model") or "stored answers") for told in (first, second)]
    if models[0] != models[1]:
        return models[0], models[1]
    return f"{models[0]} ({places[0]})", f"{models[1]} ({places[1]})"


def exact_mcnemar(better: int, worse: int) -> float:
    """Two-sided: how likely so lopsided a split of the steps that only one run got right is, were both sides equally likely."""
    count = better + worse
    tail = sum(math.comb(count, least) for least in range(min(better, worse) + 1))
    return min(1.0, 2 * tail / 2**count) if count else 1.0


def _tested(points: Sequence[Point]) -> dict[str, Any]:
    result: Paired = paired([each.first for each in points], [each.second for each in points], [each.cluster for each in points])
    return {
        "means": [math.fsum(scores) / len(scores) for scores in ([each.first for each in points], [each.second for each in points])],
        "difference": result.difference.as_json(),
        "p_value": result.p_value,
        "num_better": result.num_better,
        "num_worse": result.num_worse,
    }


def _mcnemar(points: Sequence[Point]) -> dict[str, Any]:
    right = [(each.first >= 1, each.second >= 1) for each in points]
    gained, lost = right.count((False, True)), right.count((True, False))
    return {
        "both": right.count((True, True)),
        "neither": right.count((False, False)),
        "only_first": lost,
        "only_second": gained,
        "mcnemar_p_value": exact_mcnemar(gained, lost),
    }


def _check_alike(first: Mapping[str, Any], second: Mapping[str, Any], live: bool) -> None:
    asked: dict[str, Callable[[Mapping[str, Any]], Any]] = (
        {"suite": lambda told: told.get("suite")}
        if live
        else {
            "data set": lambda told: (told["dataset"]["name"], told["dataset"]["variant"], told["dataset"]["sha256"]),
            "metric": lambda told: told["metric"]["name"],
        }
    )
    for name, of in asked.items():
        if ("trials" in second) != live or of(first) != of(second):
            theirs = "live trials against recorded steps" if ("trials" in second) != live else f"{of(first)} against {of(second)}"
            raise PredictionsError(f"the two runs cannot be compared: {name} differs ({theirs})")


def _steps(told: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, float]]:
    """By episode and step: what kind of step, and its score."""
    return {
        (str(each["episode"]), str(each["step"])): (each.get("wanted") or "+".join(each["actions"]), float(each["score"]))
        for each in told["steps"]
    }


def _trials(told: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, float]]:
    return {
        (f"{each['task']}/{each['seed']}", f"{each['task']} seed {each['seed']} repeat {each['repeat']}"): (
            str(each["task"]),
            float(each["solved"]),
        )
        for each in told["trials"]
    }
