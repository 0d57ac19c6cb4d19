"""GUI-Odyssey's words, `CLICK: (512, 300)` with places from 0 to 1000 (OpenGVLab/GUI-Odyssey, data/format_converter.py).

    CLICK: (x, y)   LONG_PRESS: (x, y)   SCROLL: UP | DOWN | LEFT | RIGHT   TYPE: text   PRESS_HOME   PRESS_BACK   PRESS_RECENT
    COMPLETE   IMPOSSIBLE

A scroll is named after the way in which the finger goes: UP shows what is below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from actions.geometry import Point
from actions.phone import LongPress, OpenApp, PressBack, PressHome, PressRecent
from actions.space import Action, CallUser, Click, Drag, Failed, Finished, Scroll, TypeText
from evaluation.errors import Unreadable
from evaluation.steps import Act, EvalStep, Place
from evaluation.vocabularies.base import Vocabulary, place_of, point_of

SCALE = 1000
POINTED = ("CLICK", "LONG_PRESS")
BARE = ("PRESS_HOME", "PRESS_BACK", "PRESS_RECENT", "COMPLETE", "IMPOSSIBLE")
WHEEL_CLICKS = 5  # what a swipe amounts to
_LINE = re.compile(r"\b(CLICK|LONG_PRESS|SCROLL|TYPE|PRESS_HOME|PRESS_BACK|PRESS_RECENT|COMPLETE|IMPOSSIBLE)\b\s*(?::\s*(.*))?", re.DOTALL)
_PLACE = re.compile(r"[(\[]?\s*(-?\d{1,6}(?:\.\d{1,9})?)\s*,\s*(-?\d{1,6}(?:\.\d{1,9})?)\s*[)\]]?")
_WAYS = {"UP": (0, -1), "DOWN": (0, 1), "LEFT": (1, 0), "RIGHT": (-1, 0)}  # wheel clicks that show the same
_BUTTONS: dict[str, Action] = {
    "PRESS_HOME": PressHome(),
    "PRESS_BACK": PressBack(),
    "PRESS_RECENT": PressRecent(),
    "COMPLETE": Finished(),
    "IMPOSSIBLE": Failed(),
}


def read(text: str, step: EvalStep) -> tuple[Act, ...]:
    """The one act in `text`.

    Raises:
        Unreadable: there is none.
    """
    found = _LINE.search(text)
    if found is None:
        raise Unreadable("there is no action such as CLICK: (512, 300), SCROLL: UP, TYPE: text or COMPLETE in it")
    kind, rest = found[1], (found[2] or "").strip()
    if kind in POINTED:
        place = _PLACE.match(rest)
        if place is None:
            raise Unreadable(f"{kind} needs a place, such as (512, 300)")
        return (Act(type=kind, place=Place(float(place[1]) / SCALE, float(place[2]) / SCALE)),)
    if kind == "SCROLL":
        return (Act(type=kind, value=rest.split()[0].upper() if rest else ""),)
    return (Act(type=kind, text=rest if kind == "TYPE" else ""),)


def from_actions(actions: Sequence[Action]) -> tuple[Act, ...]:
    """The first action that has a word there: a step of GUI-Odyssey is one action."""
    return next(((act,) for action in actions if (act := _act(action)) is not None), ())


def to_actions(acts: Sequence[Act]) -> tuple[Action, ...]:
    return tuple(action for act in acts if (action := _action(act)) is not None)


def finger_way(path: Sequence[Point | Place]) -> str:
    """In which of the four ways a finger goes, by its longer side; ties are vertical, as decode_action has them."""
    dx, dy = path[-1].x - path[0].x, path[-1].y - path[0].y
    if abs(dx) > abs(dy):
        return "LEFT" if dx < 0 else "RIGHT"
    return "UP" if dy < 0 else "DOWN"


def scroll_way(action: Scroll) -> str:
    """In which way a finger goes that shows the same."""
    if abs(action.dx) > abs(action.dy):
        return "LEFT" if action.dx > 0 else "RIGHT"
    return "UP" if action.dy < 0 else "DOWN"


def _act(action: Action) -> Act | None:
    match action:
        case Click():
            return Act(type="CLICK", place=place_of(action.point))
        case LongPress():
            return Act(type="LONG_PRESS", place=place_of(action.point))
        case Drag():
            return Act(type="SCROLL", value=finger_way(action.path))
        case Scroll():
            return Act(type="SCROLL", value=scroll_way(action))
        case TypeText():
            return Act(type="TYPE", text=action.text)
        case OpenApp():
            return Act(type="OPEN_APP", text=action.app_name)
        case CallUser():
            return Act(type="IMPOSSIBLE")
    return next((Act(type=name) for name, button in _BUTTONS.items() if type(button) is type(action)), None)


def _action(act: Act) -> Action | None:
    if act.place is not None:
        return Click(point=point_of(act.place)) if act.type == "CLICK" else LongPress(point=point_of(act.place))
    if act.type == "SCROLL" and act.value in _WAYS:
        dx, dy = _WAYS[act.value]
        return Scroll(dx=dx * WHEEL_CLICKS, dy=dy * WHEEL_CLICKS)
    return TypeText(text=act.text) if act.type == "TYPE" else _BUTTONS.get(act.type)


ODYSSEY = Vocabulary(name="odyssey", read=read, from_actions=from_actions, to_actions=to_actions)
