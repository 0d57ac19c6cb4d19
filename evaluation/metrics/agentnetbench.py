"""AgentNetBench's score of a step: the best over the ground truth and, below 1, each alternative option.

Defined by its scorer, xlang-ai/OpenCUA evaluation/agentnetbench/eval.py and run.py as published with the paper (arXiv:2508.09123; commit
913e21e). A later revision (60da8b9) also counts scroll direction and amount, the order of keys, and superfluous actions; its figures
cannot be compared with the paper's, and are had with `AgentNetBench(revised=True)`.

A type for which the scorer has no rule (hscroll, wait, a terminate that is not the first) counts 0 when it is missing or another type
stands there, and is left out when it is there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from actions.keys import canonical_key
from evaluation.metrics.base import Scored, StepScore, mean
from evaluation.metrics.text import edit_distance
from evaluation.steps import Act, EvalStep, Option, Place, Wanted
from evaluation.vocabularies.agentnet import AGENTNET
from evaluation.vocabularies.base import Vocabulary

NEAR = 0.01 * 2**0.5  # of the screen: this far from the point still counts as on it
DECAY = 120
SAME_TEXT = 0.8
POINTED = ("click", "doubleclick", "rightclick", "tripleclick", "moveto", "dragto")
# As the paper's table groups them; the scorer itself prints single types.
GROUPS = {"coordinate": (*POINTED, "scroll"), "content": ("write", "press", "hotkey"), "function": ("terminate",)}


@dataclass(frozen=True, slots=True)
class AgentNetBench:
    """The metric; `revised` for the scorer's later, stricter revision."""

    revised: bool = False

    @property
    def name(self) -> str:
        return "agentnetbench-revised" if self.revised else "agentnetbench"

    @property
    def source(self) -> str:
        commit = "60da8b9" if self.revised else "913e21e"
        return f"https://github.com/xlang-ai/OpenCUA/blob/{commit}/evaluation/agentnetbench/eval.py"

    @property
    def vocabulary(self) -> Vocabulary:
        return AGENTNET

    def score(self, step: EvalStep, acts: Sequence[Act]) -> StepScore:
        best = self._score_option(step.truth, acts)
        for number, option in enumerate(step.options[1:], start=1):
            if best.score >= 1.0:
                break
            other = self._score_option(option, acts)
            if other.score > best.score:
                best = StepScore(score=other.score, actions=other.actions, option=number)
        return best

    def published(self, scored: Sequence[Scored]) -> dict[str, Any]:
        by_type: dict[str, list[float]] = {}
        for each in scored:
            for kind, score in each.score.actions.items():
                by_type.setdefault(kind, []).append(score)
        alternatives = sum(each.score.option > 0 for each in scored)
        types = {kind: mean(scores) for kind, scores in sorted(by_type.items())}
        return {
            "average_score": mean([each.score.score for each in scored]),
            "total_steps": len(scored),
            "total_trajectories": len({each.step.episode for each in scored}),
            "alternative_matches": alternatives,
            "alternative_match_percentage": 100 * alternatives / len(scored) if scored else 0.0,
            "action_type_scores": types,
            "groups": {
                group: mean([score for kind in kinds for score in by_type.get(kind, [])])
                for group, kinds in GROUPS.items()
                if any(kind in by_type for kind in kinds)
            },
        }

    def _score_option(self, option: Option, acts: Sequence[Act]) -> StepScore:
        if not option or not acts:
            return StepScore(score=0.0)
        wanted, said = _merge_wanted(option), _merge_said(acts)
        penalty = min(1.0, len(wanted) / len(said)) if self.revised else 1.0
        if wanted[0].act.type == "terminate":
            right = said[0].type == "terminate" and said[0].value == wanted[0].act.value
            return StepScore(score=right * penalty, actions={"terminate": right * penalty})
        types = [each.act.type.lower() for each in wanted]
        if said[0].type.lower() not in types:
            return StepScore(score=0.0, actions=dict.fromkeys(types, 0.0))
        scores: dict[str, float] = {}
        for index, kind in enumerate(types):
            score = self._score_act(wanted[index], said[index]) if index < len(said) and said[index].type.lower() == kind else 0.0
            if score is not None:
                scores[kind] = scores.get(kind, 0.0) + score
        actions = {kind: total / types.count(kind) * penalty for kind, total in scores.items()}
        return StepScore(score=mean(list(actions.values())), actions=actions)

    def _score_act(self, wanted: Wanted, said: Act) -> float | None:
        """Of two actions of one type; `None` when the scorer has no rule for it."""
        kind = wanted.act.type.lower()
        if kind in POINTED:
            return _score_place(wanted, said.place)
        if kind == "write":
            return _score_text(wanted.act.text, said.text)
        if kind in ("press", "hotkey"):
            return float(_same_keys(wanted.act.keys, said, ordered=self.revised))
        if kind == "scroll":
            return _score_scroll(wanted.act.amount, said.amount) if self.revised else 1.0
        return None


def _score_place(wanted: Wanted, place: Place | None) -> float:
    target = wanted.act.place
    if place is None or target is None:
        return 0.0
    if any(box.holds(place) for box in wanted.boxes):
        return 1.0
    distance = ((place.x - target.x) ** 2 + (place.y - target.y) ** 2) ** 0.5
    return 1.0 if distance <= NEAR else math.exp(-DECAY * (distance - NEAR))


def _score_text(wanted: str, said: str) -> float:
    wanted, said = wanted.lower().strip(), said.lower().strip()
    longer = max(len(wanted), len(said))
    if longer == 0:
        return 1.0
    likeness = 1.0 - edit_distance(said, wanted) / longer
    return 1.0 if likeness >= SAME_TEXT else likeness / SAME_TEXT


def _same_keys(wanted: Sequence[str], said: Act, *, ordered: bool) -> bool:
    """Case never counts. Keys that a dialect read have Deftly's names, so there both sides are compared under those, and cmd is ctrl."""
    meant = [key.lower() for key in wanted]
    given = [key.lower() for key in said.keys]
    if said.named:
        meant = [_canonical(key) for key in meant]
        if "meta" in given and "meta" not in meant:
            given = ["ctrl" if key == "meta" else key for key in given]
    return given == meant if ordered else set(given) == set(meant)


def _canonical(key: str) -> str:
    try:
        return canonical_key(key)
    except ValueError:
        return key


def _score_scroll(wanted: float | None, said: float | None) -> float:
    """By the later revision: 0 in the wrong direction, else the smaller amount over the larger."""
    if not wanted or not said:
        return float((wanted or 0.0) == (said or 0.0))
    return 0.0 if wanted * said < 0 else min(abs(wanted), abs(said)) / max(abs(wanted), abs(said))


def _merge_wanted(option: Option) -> list[Wanted]:
    """A `write` and the press or hotkey of only enter behind it are one `write`."""
    merged, rest = list[Wanted](), list(option)
    while rest:
        each = rest.pop(0)
        if rest and _is_write(each.act) and _is_enter(rest[0].act, "press", "hotkey"):
            rest.pop(0)
            each = replace(each, act=replace(each.act, text=each.act.text + "\n"))
        merged.append(each)
    return merged


def _merge_said(acts: Sequence[Act]) -> list[Act]:
    """The same on the predicted side, where only a press counts."""
    merged, rest = list[Act](), list(acts)
    while rest:
        act = rest.pop(0)
        if rest and _is_write(act) and _is_enter(rest[0], "press"):
            rest.pop(0)
            act = replace(act, text=act.text + "\n")
        merged.append(act)
    return merged


def _is_write(act: Act) -> bool:
    return act.type.lower() == "write"


def _is_enter(act: Act, *kinds: str) -> bool:
    return act.type.lower() in kinds and len(act.keys) == 1 and act.keys[0].lower() in ("enter", "return")


def revised() -> AgentNetBench:
    """The later revision of the scorer."""
    return AgentNetBench(revised=True)
