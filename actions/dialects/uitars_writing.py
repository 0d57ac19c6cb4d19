"""From actions to the calls of UI-TARS: the canonical words, that the reader reads back."""

from __future__ import annotations

from actions.coordinates import ModelSpace
from actions.dialects.calls import write_call
from actions.dialects.key_names import write_keys
from actions.dialects.uitars_words import CLICKS, DIRECTIONS, WHEEL_CLICKS, Notation
from actions.geometry import Point
from actions.phone import PRESS_SECONDS, LongPress, OpenApp, PressBack, PressHome, PressRecent
from actions.space import (
    Action,
    Button,
    ButtonDown,
    ButtonUp,
    CallUser,
    Click,
    Drag,
    Failed,
    Finished,
    Hotkey,
    KeyDown,
    KeyUp,
    Move,
    Scroll,
    TakeScreenshot,
    TypeText,
    Wait,
)

_CLICK_WORDS = {meaning: word for word, meaning in reversed(CLICKS.items())}  # the first word of each meaning stays
_DIRECTION_WORDS = {step: word for word, step in DIRECTIONS.items()}


def write_action(action: Action, space: ModelSpace, notation: Notation) -> str:
    """The call that `read_action` reads as `action`, in the words that UI-TARS itself uses where it has any."""
    name, args = words_of(action, space, notation)
    return write_call(name, **args)


def words_of(action: Action, space: ModelSpace, notation: Notation) -> tuple[str, dict[str, str]]:
    """The name and the arguments of that call."""

    def at(point: Point) -> str:
        x, y = space.numbers(point)
        return notation.place.format(x=x, y=y)

    def where(point: Point | None) -> dict[str, str]:
        return {} if point is None else {notation.point: at(point)}

    match action:
        case Click():
            return _write_click(action, where(action.point))
        case Move():
            return notation.move, where(action.point)
        case Drag():
            start, *via, end = (at(point) for point in action.path)
            between = {"via": "; ".join(via)} if via else {}
            return "drag", {notation.start: start} | between | {notation.end: end} | _button(action.button)
        case ButtonDown():
            return "mouse_down", where(action.point) | _button(action.button)
        case ButtonUp():
            return "mouse_up", where(action.point) | _button(action.button)
        case Scroll():
            return "scroll", where(action.point) | _turns(action)
        case TypeText():
            return "type", {"content": action.text}
        case Hotkey():
            return "hotkey", {"key": write_keys(action.keys)}
        case KeyDown():
            return notation.key_down, {"key": action.key}
        case KeyUp():
            return notation.key_up, {"key": action.key}
        case Wait():
            return "wait", {} if action == Wait() else {"time": repr(action.seconds)}
        case TakeScreenshot():
            return "screenshot", {}
        case LongPress():
            held = {} if action.seconds == PRESS_SECONDS else {"time": repr(action.seconds)}
            return "long_press", where(action.point) | held
        case OpenApp():
            return "open_app", {"app_name": action.app_name}
        case PressHome() | PressBack() | PressRecent():
            return action.type, {}
        case Finished():
            return "finished", _content(action.answer)
        case Failed():
            return "failed", _content(action.reason)
        case CallUser():
            return "call_user", _content(action.question)


def _write_click(action: Click, place: dict[str, str]) -> tuple[str, dict[str, str]]:
    word = _CLICK_WORDS.get((action.button, action.count))
    how = {} if word else _button(action.button) | {"count": str(action.count)}
    held = {"modifiers": " ".join(action.modifiers)} if action.modifiers else {}
    return word or "click", place | how | held


def _button(button: Button) -> dict[str, str]:
    return {} if button == "left" else {"button": button}


def _turns(action: Scroll) -> dict[str, str]:
    amount = abs(action.dx) + abs(action.dy)
    if bool(action.dx) == bool(action.dy):
        return {"dx": str(action.dx), "dy": str(action.dy)}
    direction = _DIRECTION_WORDS[action.dx // amount, action.dy // amount]
    return {"direction": direction} | ({} if amount == WHEEL_CLICKS else {"amount": str(amount)})


def _content(text: str | None) -> dict[str, str]:
    return {} if text is None else {"content": text}
