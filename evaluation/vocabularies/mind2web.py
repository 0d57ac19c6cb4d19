"""Mind2Web's words: an operation (CLICK, TYPE, SELECT), its value, and a place on the page.

The native format is SeeClick's, a dictionary: {"action_type": 4, "click_point": (0.41, 0.27)} with 4 CLICK, 3 TYPE and 2 SELECT, the latter
two with "value" (njucckevin/SeeClick agent_tasks/mind2web_test.py); operations by name, and "op" and "point" as keys, are read as well.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Any

from actions.phone import LongPress
from actions.space import Action, Click, Drag, Move, TypeText
from evaluation.errors import Unreadable
from evaluation.steps import Act, EvalStep, Place
from evaluation.vocabularies.base import Vocabulary, place_of, point_of

OPERATIONS = ("CLICK", "TYPE", "SELECT")
_CODES = {"4": "CLICK", "3": "TYPE", "2": "SELECT", "HOVER": "CLICK", "ENTER": "CLICK"}
_OBJECT = re.compile(r"\{[^{}]{0,20000}\}")


def read(text: str, step: EvalStep) -> tuple[Act, ...]:
    """The one act in `text`.

    Raises:
        Unreadable: there is none.
    """
    data = last_object(text)
    operation = str(data.get("action_type", data.get("op", ""))).upper()
    operation = _CODES.get(operation, operation)
    if operation not in OPERATIONS:
        raise Unreadable(f"action_type is {operation or 'missing'}: it must be one of {', '.join(OPERATIONS)}, or 4, 3, 2")
    point = data.get("click_point", data.get("point"))
    if not isinstance(point, list | tuple) or len(point) != 2 or not all(isinstance(number, int | float) for number in point):
        raise Unreadable("click_point is missing: give it as two fractions, such as (0.41, 0.27)")
    return (Act(type=operation, place=Place(float(point[0]), float(point[1])), text=str(data.get("value") or "")),)


def last_object(text: str) -> dict[str, Any]:
    """The last dictionary in `text`, as JSON or as Python writes it.

    Raises:
        Unreadable: there is none.
    """
    for found in reversed(_OBJECT.findall(text)):
        for reader in (json.loads, ast.literal_eval):
            try:
                data = reader(found)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
            if isinstance(data, dict):
                return data
    raise Unreadable("there is no dictionary in it that can be read")


def from_actions(actions: Sequence[Action]) -> tuple[Act, ...]:
    """The first place that is touched; with text it is TYPE, without it CLICK. Only the native format says SELECT."""
    places = [place_of(_place(action)) for action in actions if isinstance(action, Click | Move | Drag | LongPress)]
    texts = [action.text for action in actions if isinstance(action, TypeText)]
    if not places and not texts:
        return ()
    return (Act(type="TYPE" if texts else "CLICK", place=places[0] if places else None, text="".join(texts)),)


def to_actions(acts: Sequence[Act]) -> tuple[Action, ...]:
    done: list[Action] = []
    for act in acts:
        done += [Click(point=point_of(act.place))] if act.place is not None else []
        done += [TypeText(text=act.text)] if act.type in ("TYPE", "SELECT") and act.text else []
    return tuple(done)


def _place(action: Click | Move | Drag | LongPress) -> Any:
    return action.path[0] if isinstance(action, Drag) else action.point


MIND2WEB = Vocabulary(name="mind2web", read=read, from_actions=from_actions, to_actions=to_actions)
