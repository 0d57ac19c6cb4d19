"""Actions in words, for people: in the terminal, on the page, in logs."""

from __future__ import annotations

from actions.geometry import Point
from actions.phone import LongPress, OpenApp, PhoneAction, PressBack, PressHome, PressRecent
from actions.space import (
    Action,
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

SHOWN = 80  # characters of a typed text that are shown
_CLICKS = {1: "click", 2: "double click", 3: "triple click"}


def in_words(action: Action) -> str:
    """`action` as a short phrase on one line, such as: double click at 50 %, 25 %."""
    match action:
        case Click():
            held = "".join(f"{name}+" for name in action.modifiers)
            button = "" if action.button == "left" else f"{action.button} "
            return f"{held}{button}{_CLICKS[action.count]}{_at(action.point)}"
        case Move():
            return f"move{_at(action.point)}"
        case Drag():
            return f"drag from {_place(action.path[0])} to {_place(action.path[-1])}"
        case ButtonDown() | ButtonUp():
            return f"{'press' if isinstance(action, ButtonDown) else 'release'} the {action.button} button{_at(action.point)}"
        case Scroll():
            return f"scroll {_scrolled(action)}{_at(action.point)}"
        case Wait():
            return f"wait {action.seconds:g} s"
        case TakeScreenshot():
            return "look again"
        case TypeText() | Hotkey() | KeyDown() | KeyUp():
            return _keyboard(action)
        case LongPress() | OpenApp() | PressHome() | PressBack() | PressRecent():
            return _phone(action)
        case Finished() | Failed() | CallUser():
            return _ending(action)


def shortened(text: str, limit: int = SHOWN) -> str:
    """`text` on one line, cut where it is too long to read, and without the characters by which it could command a terminal."""
    start = text[:limit].replace("\n", "⏎").replace("\t", "⇥")
    line = "".join(char if char.isprintable() else "�" for char in start)
    return line if len(text) <= limit else f"{line}… ({len(text):,} characters)"


def _keyboard(action: TypeText | Hotkey | KeyDown | KeyUp) -> str:
    match action:
        case TypeText():
            return f"type “{shortened(action.text)}”"
        case Hotkey():
            return f"press {'+'.join(action.keys)}"
        case KeyDown():
            return f"hold {action.key}"
        case KeyUp():
            return f"let go of {action.key}"


def _phone(action: PhoneAction) -> str:
    match action:
        case LongPress():
            return f"long press{_at(action.point)} for {action.seconds:g} s"
        case OpenApp():
            return f"open the app “{shortened(action.app_name)}”"
        case PressHome():
            return "go to the home screen"
        case PressBack():
            return "go back"
        case PressRecent():
            return "show recent apps"


def _ending(action: Finished | Failed | CallUser) -> str:
    match action:
        case Finished():
            return "finished" + (f": {shortened(action.answer)}" if action.answer else "")
        case Failed():
            return "failed" + (f": {shortened(action.reason)}" if action.reason else "")
        case CallUser():
            return "ask the user" + (f": {shortened(action.question)}" if action.question else "")


def _scrolled(action: Scroll) -> str:
    parts = [f"{'down' if action.dy < 0 else 'up'} {abs(action.dy)}"] if action.dy else []
    parts += [f"{'right' if action.dx > 0 else 'left'} {abs(action.dx)}"] if action.dx else []
    return " and ".join(parts) or "nowhere"


def _at(point: Point | None) -> str:
    return "" if point is None else f" at {_place(point)}"


def _place(point: Point) -> str:
    return f"{point.x:.0%}, {point.y:.0%}".replace("%", " %")
