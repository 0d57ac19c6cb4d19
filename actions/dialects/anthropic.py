"""The dialect of Anthropic's computer tool: `{"action": "left_click", "coordinate": [640, 360]}`, in pixels of the image that was sent.

The form is that of the tool's reference, versions computer_20250124 and computer_20251124; read in anthropics/anthropic-quickstarts.
Written are the inputs of the tool, or with a thought the blocks of a message. `zoom` and `cursor_position` are ways to look, and read as
a screenshot.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from actions.coordinates import ModelSpace
from actions.dialects import computer_use
from actions.dialects.fields import Fields
from actions.dialects.items import read_items
from actions.dialects.key_names import read_keys, write_keys
from actions.dialects.text_dialect import Read, TextDialect
from actions.dialects.tool_actions import ReadWord, drag_from_pointer, pointer_after, read_each_tool
from actions.dialects.wire_words import numbers_of
from actions.keys import canonical_key
from actions.space import (
    Action,
    ButtonDown,
    ButtonUp,
    Click,
    Drag,
    Hotkey,
    KeyDown,
    KeyUp,
    Modifier,
    Scroll,
    TakeScreenshot,
    TypeText,
    Wait,
)

_POINT = "coordinate"
_DIRECTIONS = {"up": (0, 1), "down": (0, -1), "left": (-1, 0), "right": (1, 0)}
_DIRECTION_WORDS = {step: word for word, step in _DIRECTIONS.items()}
_SCROLL_CLICKS = 5
_MISSING = 'there is no action: answer with one such as {"action": "left_click", "coordinate": [640, 360]}'


def held(keys: Sequence[Modifier], actions: Sequence[Action]) -> list[Action]:
    """`actions` with `keys` held meanwhile."""
    return [*(KeyDown(key=key) for key in keys), *actions, *(KeyUp(key=key) for key in reversed(keys))]


def _read_click(given: Fields, actions: list[Action]) -> None:
    button, count = computer_use.CLICKS[given.word]
    point = given.point_or_none(_POINT) or pointer_after(actions)
    modifiers = given.modifiers("text", "key")
    if point is not None:
        actions.append(Click(point=point, button=button, count=count, modifiers=modifiers))
    else:  # the tool clicks where the pointer is
        actions.extend(held(modifiers, [ButtonDown(button=button), ButtonUp(button=button)] * count))


def _read_drag(given: Fields, actions: list[Action]) -> None:
    if given.has("start_coordinate"):
        actions.append(Drag(path=(given.point("start_coordinate"), given.point(_POINT))))
    else:
        drag_from_pointer(given.point(_POINT), actions)


def _read_scroll(given: Fields, actions: list[Action]) -> None:
    point = given.point_or_none(_POINT)
    dx, dy = _DIRECTIONS[given.choice("scroll_direction", tuple(_DIRECTIONS))]
    clicks = given.whole(("scroll_amount",), _SCROLL_CLICKS)
    if clicks < 0:
        raise ValueError(f"scroll_amount is {clicks}: give clicks, 0 or more, and say the direction in scroll_direction")
    actions.extend(held(given.modifiers("text"), [Scroll(point=point, dx=dx * clicks, dy=dy * clicks)]))


def _read_key(given: Fields, actions: list[Action]) -> None:
    """xdotool's way: a chord is joined by +, and chords apart by spaces follow each other."""
    text = given.text("text", "key")
    chords = text.split()
    if len(chords) > 1 and "+" not in chords:
        try:
            keys = [Hotkey(keys=(canonical_key(text),))]
        except ValueError:
            keys = [Hotkey(keys=read_keys(chord)) for chord in chords]
    else:
        keys = [Hotkey(keys=read_keys(text) if len(text) > 1 else (canonical_key(text),))]
    actions.extend(keys)


def _read_hold_key(given: Fields, actions: list[Action]) -> None:
    keys, seconds = read_keys(given.text("text")), given.number(("duration",), 1.0)
    actions.extend([*(KeyDown(key=key) for key in keys), Wait(seconds=seconds), *(KeyUp(key=key) for key in reversed(keys))])


def _read_wait(given: Fields, actions: list[Action]) -> None:
    actions.append(Wait(seconds=given.number(("duration", "time"), Wait().seconds)))


def _read_look(given: Fields, actions: list[Action]) -> None:
    given.take("region")
    actions.append(TakeScreenshot())


def _read_type(given: Fields, actions: list[Action]) -> None:
    actions.append(TypeText(text=given.text("text")))


_WORDS: dict[str, ReadWord] = {
    **dict.fromkeys(computer_use.CLICKS, _read_click),
    **{word: computer_use.WORDS[word] for word in ("mouse_move", "left_mouse_down", "left_mouse_up")},
    "left_click_drag": _read_drag,
    "scroll": _read_scroll,
    "key": _read_key,
    "type": _read_type,
    "hold_key": _read_hold_key,
    "wait": _read_wait,
    **dict.fromkeys(("screenshot", "cursor_position", "zoom"), _read_look),
}


class Anthropic(TextDialect):
    """Claude with the computer tool."""

    name = "anthropic"
    family_coordinates = "sent"

    def read(self, text: str, space: ModelSpace) -> Read:
        said = read_items(text, _MISSING)
        return Read(said.thought, error=said.error) if said.error else read_each_tool(said.thought, said.calls, space, _WORDS)

    def write(self, thought: str, actions: Sequence[Action], space: ModelSpace) -> str:
        inputs = [_write_action(action, space) for action in actions]
        if not thought:
            return "\n".join(json.dumps(each, ensure_ascii=False) for each in inputs)
        calls = [{"type": "tool_use", "name": "computer", "input": each} for each in inputs]
        return json.dumps([{"type": "text", "text": thought}, *calls], ensure_ascii=False)


def _write_action(action: Action, space: ModelSpace) -> dict[str, object]:
    match action:
        case Drag(path=(start, end), button="left"):
            return {"action": "left_click_drag", "start_coordinate": numbers_of(start, space), _POINT: numbers_of(end, space)}
        case Scroll() if not (action.dx and action.dy):
            clicks = action.dx or action.dy
            step = ((clicks > 0) - (clicks < 0)) if clicks else -1
            where = {} if action.point is None else {_POINT: numbers_of(action.point, space)}
            direction = _DIRECTION_WORDS[(step, 0) if action.dx else (0, step)]
            return {"action": "scroll", **where, "scroll_direction": direction, "scroll_amount": abs(clicks)}
        case Hotkey():
            return {"action": "key", "text": write_keys(action.keys, "+")}
        case Wait():
            return {"action": "wait", "duration": action.seconds}
        case TakeScreenshot():
            return {"action": "screenshot"}
        case KeyDown() | KeyUp():
            return {"action": action.type, "key": action.key}
        case _ if action.type in ("finished", "failed", "call_user"):
            return computer_use.write_own(action, space)
    return computer_use.write_action(action, space)[0]
