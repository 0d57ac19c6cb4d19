"""The words of the tool `mobile_use` of Qwen2.5-VL, Qwen3-VL and GUI-Owl.

Read in the cookbook of github.com/QwenLM/Qwen3-VL (agent_function_call.py) and in Mobile-Agent-v3.5. A swipe is a drag of the finger.

    click (coordinate)  long_press (coordinate, time)  swipe (coordinate, coordinate2)  type (text)  key (text)
    system_button (Back, Home, Menu, Enter)  open (text)  wait (time)  answer (text)  terminate (status)  interact (text)
"""

from __future__ import annotations

from actions.coordinates import ModelSpace
from actions.dialects.computer_use import POINT, read_answer, read_click, read_interact, read_terminate, write_ending
from actions.dialects.fields import Fields
from actions.dialects.key_names import write_keys
from actions.dialects.tool_actions import ReadWord
from actions.dialects.wire_words import numbers_of
from actions.phone import PRESS_SECONDS, LongPress, OpenApp, PressBack, PressHome, PressRecent
from actions.space import Action, Click, Drag, Hotkey, TypeText, Wait

_BUTTONS: dict[str, Action] = {"Back": PressBack(), "Home": PressHome(), "Menu": PressRecent(), "Enter": Hotkey(keys=("enter",))}
_BUTTON_NAMES = {action: name for name, action in _BUTTONS.items()}


def _read_long_press(given: Fields, actions: list[Action]) -> None:
    actions.append(LongPress(point=given.point(*POINT), seconds=given.number(("time",), PRESS_SECONDS)))


def _read_swipe(given: Fields, actions: list[Action]) -> None:
    actions.append(Drag(path=(given.point("coordinate", "coordinate1"), given.point("coordinate2", "end_coordinate"))))


def _read_type(given: Fields, actions: list[Action]) -> None:
    actions.append(TypeText(text=given.text("text")))


def _read_key(given: Fields, actions: list[Action]) -> None:
    actions.append(Hotkey(keys=given.keys("text", "key", "keys")))


def _read_button(given: Fields, actions: list[Action]) -> None:
    actions.append(_BUTTONS[given.choice("button", tuple(_BUTTONS))])


def _read_open(given: Fields, actions: list[Action]) -> None:
    actions.append(OpenApp(app_name=given.text("text", "app")))


def _read_wait(given: Fields, actions: list[Action]) -> None:
    actions.append(Wait(seconds=given.number(("time",), Wait().seconds)))


WORDS: dict[str, ReadWord] = {
    "click": read_click,
    "left_click": read_click,
    "long_press": _read_long_press,
    "swipe": _read_swipe,
    "type": _read_type,
    "key": _read_key,
    "system_button": _read_button,
    "open": _read_open,
    "wait": _read_wait,
    "answer": read_answer,
    "terminate": read_terminate,
    "interact": read_interact,
}


def write_action(action: Action, space: ModelSpace) -> list[dict[str, object]]:
    """The arguments of the call that means `action`; the family's own words where it has any."""
    if action in _BUTTON_NAMES:
        return [{"action": "system_button", "button": _BUTTON_NAMES[action]}]
    match action:
        case Click(button="left", count=1, modifiers=()):
            return [{"action": "click", "coordinate": numbers_of(action.point, space)}]
        case LongPress():
            return [{"action": "long_press", "coordinate": numbers_of(action.point, space), "time": action.seconds}]
        case Drag(path=(start, end), button="left"):
            return [{"action": "swipe", "coordinate": numbers_of(start, space), "coordinate2": numbers_of(end, space)}]
        case TypeText():
            return [{"action": "type", "text": action.text}]
        case Hotkey():
            return [{"action": "key", "text": write_keys(action.keys, "+" if "+" not in action.keys else " ")}]
        case OpenApp():
            return [{"action": "open", "text": action.app_name}]
        case Wait():
            return [{"action": "wait", "time": action.seconds}]
        case _:
            return [write_ending(action, space)]
