"""Grounding: an answer is one place, or a refusal where the benchmark asks for one.

Read natively are a call such as `pyautogui.click(x=0.5, y=0.3)` and bare numbers, two for a point and four for a box whose middle counts:
`(0.5, 0.3)`, `[512, 384]`, `<point>512 384</point>`, `[[100, 200, 140, 220]]`. Numbers that are all at most 1 are fractions, others pixels
of the screenshot (the rule of lmms-eval, lmms_eval/tasks/screenspot_pro/utils.py). Two negative numbers refuse (OSWorld-G).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from actions.phone import LongPress
from actions.space import Action, CallUser, Click, Drag, Failed, Move
from evaluation.errors import Unreadable
from evaluation.steps import Act, EvalStep, Place
from evaluation.vocabularies import agentnet
from evaluation.vocabularies.base import Vocabulary, place_of, point_of
from evaluation.vocabularies.code import read_calls

POINT = Act(type="point")
REFUSAL = Act(type="refuse")

_NUMBER = r"-?\d{1,6}(?:\.\d{1,20})?"
_GROUP = re.compile(rf"[(\[>]\s*({_NUMBER}(?:\s*[,\s]\s*{_NUMBER}){{1,3}})\s*[)\]<]")
_BARE = re.compile(rf"\s*({_NUMBER}(?:\s*[,\s]\s*{_NUMBER}){{1,3}})\s*")


def read(text: str, step: EvalStep) -> tuple[Act, ...]:
    """The place that `text` says.

    Raises:
        Unreadable: it says none.
    """
    for call in read_calls(text):
        act = agentnet.act_of(call)
        if act is not None and act.place is not None:
            return (_act(act.place.x, act.place.y, step),)
        if act is not None and act.type == "terminate" and act.value == "failure":
            return (REFUSAL,)
    groups = _GROUP.findall(text) or ([bare[1]] if (bare := _BARE.fullmatch(text)) else [])
    for group in reversed(groups):  # what stands last is the answer, before it may be thoughts
        numbers = [float(number) for number in re.findall(_NUMBER, group)]
        if len(numbers) in (2, 4):
            return (_act((numbers[0] + numbers[-2]) / 2, (numbers[1] + numbers[-1]) / 2, step),)
    raise Unreadable("there is no place in it, such as (0.5, 0.3) or [512, 384]")


def from_actions(actions: Sequence[Action]) -> tuple[Act, ...]:
    """The first place that is touched; giving up refuses."""
    for action in actions:
        match action:
            case Click() | Move() | LongPress():
                return (Act(type="point", place=place_of(action.point)),)
            case Drag():
                return (Act(type="point", place=place_of(action.path[0])),)
            case Failed() | CallUser():
                return (REFUSAL,)
    return ()


def to_actions(acts: Sequence[Act]) -> tuple[Action, ...]:
    return tuple(Failed() if act.place is None else Click(point=point_of(act.place)) for act in acts)


def _act(x: float, y: float, step: EvalStep) -> Act:
    if x < 0 and y < 0:
        return REFUSAL
    if x <= 1 and y <= 1:
        return Act(type="point", place=Place(x, y))
    width, height = step.screen
    return Act(type="point", place=Place(x / width, y / height))


GROUNDING = Vocabulary(name="grounding", read=read, from_actions=from_actions, to_actions=to_actions)
