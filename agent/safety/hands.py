"""What actions do with hands: where they point, what they type, which keys they press together with those that are held."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from actions.geometry import Point
from actions.phone import LongPress
from actions.space import (
    Action,
    ButtonDown,
    ButtonUp,
    Click,
    Drag,
    Hotkey,
    KeyDown,
    KeyUp,
    Move,
    Scroll,
    TypeText,
)

KEPT_CHARACTERS = 200  # of what was typed before: a word may come in pieces


@dataclass(slots=True)
class Hands:
    """What is known of hands from what they have done: keys that are held, where the pointer is, what was typed just now."""

    held: dict[str, None] = field(default_factory=dict)
    pointer: Point | None = None
    typed: str = ""

    def did(self, action: Action) -> None:
        """Take note of `action`, which happened."""
        points = points_of(action)
        self.pointer = points[-1] if points else self.pointer
        match action:
            case KeyDown(key=key):
                self.held[key] = None
            case KeyUp(key=key):
                self.held.pop(key, None)
        text = typed_text(action)
        if text:
            self.typed = (self.typed + text)[-KEPT_CHARACTERS:]
        elif isinstance(action, Click | Drag | Hotkey):
            self.typed = ""


def uses_pointer(action: Action) -> bool:
    return isinstance(action, Click | Move | Drag | ButtonDown | ButtonUp | Scroll | LongPress)


def uses_keyboard(action: Action) -> bool:
    return isinstance(action, TypeText | Hotkey | KeyDown | KeyUp)


def points_of(action: Action) -> tuple[Point, ...]:
    """Where `action` itself says that the pointer is used."""
    match action:
        case Drag():
            return action.path
        case Click() | Move() | LongPress():
            return (action.point,)
        case ButtonDown() | ButtonUp() | Scroll():
            return () if action.point is None else (action.point,)
    return ()


def typed_text(action: Action) -> str:
    """The text that `action` enters; a lone character as a hotkey is one, too."""
    match action:
        case TypeText(text=text):
            return text
        case Hotkey(keys=(key,)) | KeyDown(key=key) if len(key) == 1:
            return key
        case Hotkey(keys=("space",)) | KeyDown(key="space"):
            return " "
    return ""


def chords(action: Action, hands: Hands) -> Iterable[frozenset[str]]:
    """The keys that are down together at the moments when `action` presses one, those that were held before among them."""
    held = frozenset(hands.held)
    match action:
        case Hotkey(keys=keys):
            yield held | frozenset(keys)
        case KeyDown(key=key):
            yield held | {key}
        case TypeText(text=text):
            named = {"\n": "enter", "\r": "enter", "\t": "tab"}
            for char in dict.fromkeys(text):
                if char in named or held:
                    yield held | {named.get(char, char.lower())}
