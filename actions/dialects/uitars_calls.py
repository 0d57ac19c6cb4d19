"""The words of UI-TARS: which call means which action, in both directions.

Words that UI-TARS itself knows come first among their kind; ours, in the same syntax, say what it has no word for.

    click left_single | left_double double_click | left_triple triple_click | right_single | middle_click   (point)
                      ours: click(…, button='right', count='2'); any of them with modifiers='ctrl shift'
    hover move …      (point)
    drag select       (start, end)             ours: via='x,y; x,y' between them, button='right'; select with a start only is a click
    mouse_down mouse_up                        UI-TARS-2's: button='left', point
    scroll            (point?, direction)      5 wheel clicks; ours: amount='3', or dx='2', dy='-3' instead of a direction
    type (content)    hotkey (key='ctrl c')    press keydown | release keyup (key)
    wait              5 seconds; UI-TARS-2's: time='2.5'
    screenshot        finished (content?)      call_user (content?)       ours: failed(content?)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from actions.dialects.calls import Call, shown, write_call
from actions.dialects.places import ModelSpace, read_place
from actions.geometry import Point
from actions.keys import canonical_key
from actions.space import (
    BUTTONS,
    MODIFIERS,
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

WHEEL_CLICKS = 5  # of one scroll action, in the published executors

_CLICKS: dict[str, tuple[Button, int]] = {
    "click": ("left", 1),
    "left_double": ("left", 2),
    "left_triple": ("left", 3),
    "right_single": ("right", 1),
    "middle_click": ("middle", 1),
    "left_single": ("left", 1),
    "left_click": ("left", 1),
    "double_click": ("left", 2),
    "triple_click": ("left", 3),
    "right_click": ("right", 1),
    "middle_single": ("middle", 1),
}
_CLICK_WORDS = {meaning: word for word, meaning in reversed(_CLICKS.items())}  # the first word of each meaning stays
_DIRECTIONS = {"down": (0, -1), "up": (0, 1), "left": (-1, 0), "right": (1, 0)}
_DIRECTION_WORDS = {step: word for word, step in _DIRECTIONS.items()}
_NOT_YET = frozenset(("long_press", "open_app", "press_home", "press_back", "home", "back", "swipe"))

_POINT = ("point", "start_box", "start_point", "box")
_START = ("start_point", "start_box", "point")
_END = ("end_point", "end_box")
_CONTENT = ("content", "text")
_KEY = ("key", "keys", "hotkey")
_TIME = ("time", "seconds", "duration")

_WHOLE = re.compile(r"[+-]?[0-9]{1,9}")
_DECIMAL = re.compile(r"\+?(?:[0-9]{1,15}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?")
_TWO_WORDS = ("page up", "page down", "caps lock", "num lock", "scroll lock", "print screen", "arrow up", "arrow down")
_KEY_PARTS = re.compile(r"[^+\s]+|\+(?=\s|$)")

Word = TypeVar("Word", bound=str)


class Notation(NamedTuple):
    """How one version of UI-TARS writes places: the names of the arguments, and the template of a point."""

    point: str
    start: str
    end: str
    place: str


class _Arguments:
    """The arguments of one call, taken one by one; what is left at the end was not understood."""

    def __init__(self, call: Call, space: ModelSpace) -> None:
        self.word = call.name.lower()
        self._left = dict(call.args)
        self._known: list[str] = []
        self._space = space

    def take(self, *names: str) -> str | None:
        """The argument that has one of these names, `None` when there is none."""
        self._known.append(names[0])
        present = [name for name in names if name in self._left]
        if len(present) > 1:
            raise ValueError(f"{present[0]} and {present[1]} say the same thing: give one of them")
        return self._left.pop(present[0]) if present else None

    def need(self, *names: str) -> str:
        value = self.take(*names)
        if value is None:
            raise ValueError(f"{self.word} needs {names[0]}='…'")
        return value

    def place(self, *names: str) -> Point:
        written = self._written(names)
        return self._place(written, self.need(*names))

    def place_or_none(self, *names: str) -> Point | None:
        written = self._written(names)
        value = self.take(*names)
        return None if value is None else self._place(written, value)

    def places(self, name: str) -> list[Point]:
        value = self.take(name)
        return [] if value is None else [self._place(name, each) for each in value.split(";")]

    def choice(self, name: str, known: Sequence[Word], default: Word | None = None) -> Word:
        """One of `known`; without a default it must be given."""
        if default is not None and not self.has(name):
            self.take(name)
            return default
        value = self.need(name)
        for each in known:
            if each == value.strip().lower():
                return each
        raise ValueError(f"{name} is {shown(value)}: it must be one of {', '.join(known)}")

    def whole(self, name: str, default: int) -> int:
        value = self.take(name)
        if value is None:
            return default
        if not _WHOLE.fullmatch(value.strip()):
            raise ValueError(f"{name} is {shown(value)}: it must be a whole number")
        return int(value)

    def has(self, *names: str) -> bool:
        """Whether one of these is there, still to be taken."""
        return any(name in self._left for name in names)

    def finish(self) -> None:
        """Refuse what was not taken."""
        for name in self._left:
            raise ValueError(f"{self.word} has no argument {shown(name)}: it takes {', '.join(self._known) or 'none'}")

    def _written(self, names: tuple[str, ...]) -> str:
        """Which of `names` the model used."""
        return next((name for name in names if name in self._left), names[0])

    def _place(self, name: str, value: str) -> Point:
        try:
            return read_place(value, self._space)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


def read_action(call: Call, space: ModelSpace) -> Action:
    """The action that `call` means.

    Raises:
        ValueError: it means none, or not for certain; the message says which piece and what would do.
    """
    args = _Arguments(call, space)
    if args.word in _NOT_YET:
        raise ValueError(f"{args.word} is an action for phones: not supported yet")
    read = _READERS.get(args.word)
    if read is None:
        raise ValueError(f"there is no action called {shown(call.name)}: use one of {_OFFERED}")
    action = read(args)
    args.finish()
    return action


def _read_click(args: _Arguments) -> Action:
    button, count = _CLICKS[args.word]
    point = args.place(*_POINT)
    if args.word == "click":
        button, count = args.choice("button", BUTTONS, button), args.whole("count", count)
    held = _keys(args.take("modifiers") or "")
    for key in held:
        if key not in MODIFIERS:
            raise ValueError(f"modifiers has {shown(key)}: known are {', '.join(MODIFIERS)}")
    return Click(point=point, button=button, count=count, modifiers=tuple(m for key in held for m in MODIFIERS if m == key))


def _read_move(args: _Arguments) -> Action:
    return Move(point=args.place(*_POINT))


def _read_drag(args: _Arguments) -> Action:
    start, via = args.place(*_START), args.places("via")
    return Drag(path=(start, *via, args.place(*_END)), button=args.choice("button", BUTTONS, "left"))


def _read_select(args: _Arguments) -> Action:
    start, end = args.place(*_START), args.place_or_none(*_END)
    return Click(point=start) if end is None else Drag(path=(start, end))  # without an end it opens a list


def _read_button_down(args: _Arguments) -> Action:
    return ButtonDown(button=args.choice("button", BUTTONS, "left"), point=args.place_or_none(*_POINT))


def _read_button_up(args: _Arguments) -> Action:
    return ButtonUp(button=args.choice("button", BUTTONS, "left"), point=args.place_or_none(*_POINT))


def _read_scroll(args: _Arguments) -> Action:
    point = args.place_or_none(*_POINT)
    if args.has("dx", "dy") and not args.has("direction"):
        return Scroll(point=point, dx=args.whole("dx", 0), dy=args.whole("dy", 0))
    dx, dy = _DIRECTIONS[args.choice("direction", tuple(_DIRECTIONS))]
    amount = args.whole("amount", WHEEL_CLICKS)
    if amount < 1:
        raise ValueError(f"amount is {amount}: it must be 1 or more wheel clicks")
    return Scroll(point=point, dx=dx * amount, dy=dy * amount)


def _read_type(args: _Arguments) -> Action:
    return TypeText(text=args.need(*_CONTENT))


def _read_hotkey(args: _Arguments) -> Action:
    return Hotkey(keys=_keys(args.need(*_KEY)))


def _read_key_down(args: _Arguments) -> Action:
    return KeyDown(key=_one_key(args))


def _read_key_up(args: _Arguments) -> Action:
    return KeyUp(key=_one_key(args))


def _read_wait(args: _Arguments) -> Action:
    value = args.take(*_TIME)
    if value is None:
        return Wait()
    if not _DECIMAL.fullmatch(value.strip()):
        raise ValueError(f"time is {shown(value)}: it must be a number of seconds")
    return Wait(seconds=float(value))


def _read_screenshot(args: _Arguments) -> Action:
    return TakeScreenshot()


def _read_finished(args: _Arguments) -> Action:
    return Finished(answer=args.take(*_CONTENT))


def _read_failed(args: _Arguments) -> Action:
    return Failed(reason=args.take(*_CONTENT))


def _read_call_user(args: _Arguments) -> Action:
    return CallUser(question=args.take(*_CONTENT))


_READERS: dict[str, Callable[[_Arguments], Action]] = {
    **dict.fromkeys(_CLICKS, _read_click),
    **dict.fromkeys(("hover", "move", "move_to", "mouse_move"), _read_move),
    **dict.fromkeys(("drag", "left_click_drag"), _read_drag),
    "select": _read_select,
    "mouse_down": _read_button_down,
    "mouse_up": _read_button_up,
    "scroll": _read_scroll,
    "type": _read_type,
    "hotkey": _read_hotkey,
    **dict.fromkeys(("keydown", "press", "key_down"), _read_key_down),
    **dict.fromkeys(("keyup", "release", "key_up"), _read_key_up),
    "wait": _read_wait,
    "screenshot": _read_screenshot,
    "finished": _read_finished,
    "failed": _read_failed,
    "call_user": _read_call_user,
}
_OFFERED = "click, left_double, right_single, hover, drag, scroll, type, hotkey, keydown, keyup, wait, finished, call_user"


def _keys(text: str) -> tuple[str, ...]:
    """The keys that `text` names: 'ctrl c', 'ctrl+c', 'ctrl +', 'page down'."""
    parts = _KEY_PARTS.findall(text)
    named = [part for i, part in enumerate(parts) if part != "+" or i == len(parts) - 1]  # a "+" between keys joins them
    try:
        return tuple(canonical_key(part) for part in named)
    except ValueError as error:
        two_words = " ".join(named)
        if two_words.lower() not in _TWO_WORDS:
            raise error
        return (canonical_key(two_words),)


def _one_key(args: _Arguments) -> str:
    keys = _keys(text := args.need(*_KEY))
    if len(keys) != 1:
        raise ValueError(f"{args.word} takes one key, not {shown(text)}: use hotkey for several together")
    return keys[0]


def write_action(action: Action, space: ModelSpace, notation: Notation) -> str:
    """The call that `read_action` reads as `action`, in the words that UI-TARS itself uses where it has any."""

    def at(point: Point) -> str:
        x, y = space.numbers(point)
        return notation.place.format(x=x, y=y)

    def where(point: Point | None) -> dict[str, str]:
        return {} if point is None else {notation.point: at(point)}

    match action:
        case Click():
            return _write_click(action, where(action.point))
        case Move():
            return write_call("hover", **where(action.point))
        case Drag():
            start, *via, end = (at(point) for point in action.path)
            between = {"via": "; ".join(via)} if via else {}
            return write_call("drag", **{notation.start: start} | between | {notation.end: end} | _button(action.button))
        case ButtonDown():
            return write_call("mouse_down", **where(action.point), **_button(action.button))
        case ButtonUp():
            return write_call("mouse_up", **where(action.point), **_button(action.button))
        case Scroll():
            return write_call("scroll", **where(action.point), **_turns(action))
        case TypeText():
            return write_call("type", content=action.text)
        case Hotkey():
            return write_call("hotkey", key=_written_keys(action.keys))
        case KeyDown():
            return write_call("keydown", key=action.key)
        case KeyUp():
            return write_call("keyup", key=action.key)
        case Wait():
            return write_call("wait", **({} if action == Wait() else {"time": repr(action.seconds)}))
        case TakeScreenshot():
            return write_call("screenshot")
        case Finished():
            return write_call("finished", **_content(action.answer))
        case Failed():
            return write_call("failed", **_content(action.reason))
        case CallUser():
            return write_call("call_user", **_content(action.question))


def _write_click(action: Click, place: dict[str, str]) -> str:
    word = _CLICK_WORDS.get((action.button, action.count))
    how = {} if word else _button(action.button) | {"count": str(action.count)}
    held = {"modifiers": " ".join(action.modifiers)} if action.modifiers else {}
    return write_call(word or "click", **place | how | held)


def _button(button: Button) -> dict[str, str]:
    return {} if button == "left" else {"button": button}


def _turns(action: Scroll) -> dict[str, str]:
    amount = abs(action.dx) + abs(action.dy)
    if bool(action.dx) == bool(action.dy):
        return {"dx": str(action.dx), "dy": str(action.dy)}
    direction = _DIRECTION_WORDS[action.dx // amount, action.dy // amount]
    return {"direction": direction} | ({} if amount == WHEEL_CLICKS else {"amount": str(amount)})


def _written_keys(keys: Sequence[str]) -> str:
    """The keys with spaces between; a "+" that others follow is written out, lest it joins them."""
    return " ".join("plus" if key == "+" and i < len(keys) - 1 else key for i, key in enumerate(keys))


def _content(text: str | None) -> dict[str, str]:
    return {} if text is None else {"content": text}
