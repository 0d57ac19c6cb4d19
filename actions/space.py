"""The action space: one closed union of frozen dataclasses, the only form in which an action travels between parts.

Action
├── Click, Move, Drag, ButtonDown, ButtonUp, Scroll       the mouse
├── TypeText, Hotkey, KeyDown, KeyUp                      the keyboard
├── Wait, TakeScreenshot                                  looking again
├── LongPress, OpenApp, PressHome, PressBack, PressRecent a phone, in `actions.phone`
└── Finished, Failed, CallUser                            how a task ends
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from actions.geometry import Point
from actions.keys import canonical_key
from actions.phone import LongPress, OpenApp, PressBack, PressHome, PressRecent

Button = Literal["left", "right", "middle"]
Modifier = Literal["ctrl", "alt", "shift", "meta"]
BUTTONS: tuple[Button, ...] = get_args(Button)
MODIFIERS: tuple[Modifier, ...] = get_args(Modifier)
# A model that asks for more has lost its way, and the executor would be busy for hours.
MAX_WHEEL_CLICKS = 1000
MAX_WAIT_SECONDS = 3600.0


def _check_button(action: str, button: str) -> None:
    if button not in BUTTONS:
        raise ValueError(f"{action}.button is {button!r}: it must be one of {', '.join(BUTTONS)}")


def _set_tuple(action: object, field: str) -> None:
    """Make a field that came as a list a tuple; a lone string would fall apart into letters."""
    value = getattr(action, field)
    if type(value) is tuple:
        return
    if isinstance(value, str):
        raise ValueError(f"{field} is the text {value!r}: give a tuple, as in ({value!r},)")
    object.__setattr__(action, field, tuple(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """Press and release a mouse button `count` times at `point`, with `modifiers` held."""

    type: ClassVar[str] = "click"
    point: Point
    button: Button = "left"
    count: int = 1
    modifiers: tuple[Modifier, ...] = ()

    def __post_init__(self) -> None:
        _check_button(self.type, self.button)
        if self.count not in (1, 2, 3):
            raise ValueError(f"click.count is {self.count!r}: it must be 1, 2 or 3")
        _set_tuple(self, "modifiers")
        if not self.modifiers:
            return
        for name in self.modifiers:
            if name not in MODIFIERS:
                raise ValueError(f"click.modifiers has {name!r}: known are {', '.join(MODIFIERS)}")
        if len(set(self.modifiers)) < len(self.modifiers):
            raise ValueError(f"click.modifiers is {' '.join(self.modifiers)}: name each modifier once")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Move the pointer to `point`."""

    type: ClassVar[str] = "move"
    point: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Drag:
    """Press `button` at the first point of `path`, move through the others, release at the last."""

    type: ClassVar[str] = "drag"
    path: tuple[Point, ...]
    button: Button = "left"

    def __post_init__(self) -> None:
        _check_button(self.type, self.button)
        _set_tuple(self, "path")
        if len(self.path) < 2:
            raise ValueError(f"drag.path has {len(self.path)} point(s): a drag needs at least 2")


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonDown:
    """Press a mouse button and keep it held; at `point`, or where the pointer is."""

    type: ClassVar[str] = "button_down"
    button: Button = "left"
    point: Point | None = None

    def __post_init__(self) -> None:
        _check_button(self.type, self.button)


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonUp:
    """Release a mouse button; at `point`, or where the pointer is."""

    type: ClassVar[str] = "button_up"
    button: Button = "left"
    point: Point | None = None

    def __post_init__(self) -> None:
        _check_button(self.type, self.button)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scroll:
    """Turn the wheel by `dx`, `dy` clicks, at `point` or where the pointer is.

    `dy` < 0 shows what is below, `dx` > 0 what is to the right.
    """

    type: ClassVar[str] = "scroll"
    point: Point | None = None
    dx: int = 0
    dy: int = 0

    def __post_init__(self) -> None:
        for name, clicks in (("dx", self.dx), ("dy", self.dy)):
            if not isinstance(clicks, int) or abs(clicks) > MAX_WHEEL_CLICKS:
                raise ValueError(f"scroll.{name} is {clicks!r}: give wheel clicks, {MAX_WHEEL_CLICKS} at most")


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeText:
    """Type `text` where the focus is; a newline in it presses Enter."""

    type: ClassVar[str] = "type"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hotkey:
    """Press `keys` together, the last one while the others are held. One key is allowed: `Hotkey(keys=("enter",))`."""

    type: ClassVar[str] = "hotkey"
    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        _set_tuple(self, "keys")
        if not self.keys:
            raise ValueError("hotkey.keys is empty: name at least one key")
        object.__setattr__(self, "keys", tuple(canonical_key(key) for key in self.keys))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDown:
    """Press `key` and keep it held."""

    type: ClassVar[str] = "key_down"
    key: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", canonical_key(self.key))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUp:
    """Release `key`."""

    type: ClassVar[str] = "key_up"
    key: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", canonical_key(self.key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Do nothing for `seconds`."""

    type: ClassVar[str] = "wait"
    seconds: float = 5.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.seconds <= MAX_WAIT_SECONDS:  # false for NaN too
            raise ValueError(f"wait.seconds is {self.seconds!r}: it must be a number from 0 to {MAX_WAIT_SECONDS:g}")
        object.__setattr__(self, "seconds", float(self.seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeScreenshot:
    """Look again without touching anything."""

    type: ClassVar[str] = "screenshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The task is done; `answer` where the task asked for one."""

    type: ClassVar[str] = "finished"
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The task cannot be done."""

    type: ClassVar[str] = "failed"
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUser:
    """Only the user can go on; `question` says what is needed."""

    type: ClassVar[str] = "call_user"
    question: str | None = None


Action = (
    Click
    | Move
    | Drag
    | ButtonDown
    | ButtonUp
    | Scroll
    | TypeText
    | Hotkey
    | KeyDown
    | KeyUp
    | Wait
    | TakeScreenshot
    | LongPress
    | OpenApp
    | PressHome
    | PressBack
    | PressRecent
    | Finished
    | Failed
    | CallUser
)
ACTION_TYPES: dict[str, type[Action]] = {cls.type: cls for cls in get_args(Action)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a model said: its thought, its actions in order, its raw text, and what was wrong with it (`None` when nothing was)."""

    thought: str = ""
    actions: tuple[Action, ...] = ()
    text: str = ""
    error: str | None = None
