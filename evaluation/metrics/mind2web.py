"""Mind2Web: element accuracy, operation F1, and step success, which is both.

Defined by Mind2Web (Deng et al. 2023, arXiv:2306.06070, action_prediction/metric.py) and for coordinates by SeeClick
(agent_tasks/mind2web_test.py at 73c6835): the element is right where the point lies in the box of a positive candidate, the box rounded
to 3 decimals and edges included; operation F1 is that of the sets of words of "op value", values in lower case; both are averaged within
a task and then over tasks (macro); a step without a positive candidate counts 0 throughout (SeeAct, evaluation_utils.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evaluation.metrics.base import Scored, StepScore, mean
from evaluation.metrics.text import set_f1
from evaluation.steps import Act, Box, EvalStep
from evaluation.vocabularies.base import Vocabulary
from evaluation.vocabularies.mind2web import MIND2WEB

DECIMALS = 3


class Mind2Web:
    """The metric; a step's score is its success, 0 or 1."""

    name = "mind2web"
    source = "https://github.com/njucckevin/SeeClick/blob/73c6835/agent_tasks/mind2web_test.py"
    vocabulary: Vocabulary = MIND2WEB

    def score(self, step: EvalStep, acts: Sequence[Act]) -> StepScore:
        if not step.truth:
            return StepScore(score=0.0, parts={"element": 0.0, "operation_f1": 0.0})
        (wanted,), said = step.truth, acts[0] if acts else None
        boxes = [Box(*(round(side, DECIMALS) for side in box)) for box in wanted.boxes]
        element = float(bool(said and said.place) and any(box.holds(said.place) for box in boxes if said and said.place))
        f1 = set_f1(_operation(said), _operation(wanted.act)) if said and boxes else 0.0
        success = float(element == 1.0 and f1 == 1.0)
        return StepScore(score=success, actions={wanted.act.type: success}, parts={"element": element, "operation_f1": f1})

    def published(self, scored: Sequence[Scored]) -> dict[str, Any]:
        splits = sorted({each.step.split for each in scored if each.step.split})
        return {**_figures(scored), "splits": {split: _figures([each for each in scored if each.step.split == split]) for split in splits}}


def _operation(act: Act) -> str:
    return act.type if act.type == "CLICK" else f"{act.type} {act.text.lower()}"


def _figures(scored: Sequence[Scored]) -> dict[str, Any]:
    """All under the names of the papers; plain ones over steps, macro ones over tasks."""
    tasks: dict[str, list[Scored]] = {}
    for each in scored:
        tasks.setdefault(each.step.episode, []).append(each)
    operations: dict[str, list[float]] = {}
    for each in scored:
        for kind in each.score.actions:
            operations.setdefault(kind, []).append(each.score.parts["operation_f1"])

    def over(part: str, steps: Sequence[Scored]) -> float:
        return mean([each.score.parts[part] if part else each.score.score for each in steps])

    return {
        "element_acc": over("element", scored),
        "operation_f1": mean([mean(values) for values in operations.values()]),
        "step_success_rate": over("", scored),
        "task_success_rate": mean([float(all(each.success for each in steps)) for steps in tasks.values()]),
        "macro_element_acc": mean([over("element", steps) for steps in tasks.values()]),
        "macro_operation_f1": mean([over("operation_f1", steps) for steps in tasks.values()]),
        "macro_step_success_rate": mean([over("", steps) for steps in tasks.values()]),
        "num_tasks": len(tasks),
        "num_steps": len(scored),
    }
