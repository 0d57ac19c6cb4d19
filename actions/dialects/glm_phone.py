"""The words of GLM-V at a phone: objects with an `action_type`, and boxes in thousandths in a point's place.

Read in github.com/zai-org/GLM-V, examples/gui-agent/glm-45v/agent.md. A swipe names the way that the finger goes: up shows what is below.
"""

from __future__ import annotations

from actions.dialects.fields import Fields
from actions.dialects.tool_actions import ReadWord
from actions.phone import LongPress, OpenApp, PressBack, PressHome
from actions.space import Action, Click, Failed, Finished, Hotkey, Scroll, TypeText, Wait

WORD_FIELD = "action_type"
_BOX = ("box_2d", "box", "point")
_SWIPES = {"up": (0, -5), "down": (0, 5), "left": (5, 0), "right": (-5, 0)}


def _read_status(given: Fields, actions: list[Action]) -> None:
    done = given.choice("goal_status", ("complete", "infeasible")) == "complete"
    actions.append(Finished() if done else Failed())


def _read_answer(given: Fields, actions: list[Action]) -> None:
    actions.append(Finished(answer=given.text("text")))


def _read_click(given: Fields, actions: list[Action]) -> None:
    actions.append(Click(point=given.point(*_BOX)))


def _read_long_press(given: Fields, actions: list[Action]) -> None:
    actions.append(LongPress(point=given.point(*_BOX)))


def _read_text(given: Fields, actions: list[Action]) -> None:
    text, point = given.text("text"), given.point_or_none(*_BOX)
    if point is not None:
        actions.append(Click(point=point))
    if given.flag("override"):
        actions.append(Hotkey(keys=("ctrl", "a")))
    actions.append(TypeText(text=text))


def _read_swipe(given: Fields, actions: list[Action]) -> None:
    dx, dy = _SWIPES[given.choice("direction", tuple(_SWIPES))]
    actions.append(Scroll(point=given.point_or_none(*_BOX), dx=dx, dy=dy))


def _read_app(given: Fields, actions: list[Action]) -> None:
    actions.append(OpenApp(app_name=given.text("app_name")))


PHONE_WORDS: dict[str, ReadWord] = {
    "status": _read_status,
    "answer": _read_answer,
    "click": _read_click,
    "long_press": _read_long_press,
    "input_text": _read_text,
    "keyboard_enter": lambda given, actions: actions.append(Hotkey(keys=("enter",))),
    "navigate_home": lambda given, actions: actions.append(PressHome()),
    "navigate_back": lambda given, actions: actions.append(PressBack()),
    "swipe": _read_swipe,
    "open_app": _read_app,
    "wait": lambda given, actions: actions.append(Wait()),
}
