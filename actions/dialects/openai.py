"""The dialect of OpenAI's `computer_call`: `{"type": "click", "x": 640, "y": 360, "button": "left"}`, in pixels of the image that was sent.

The form is that of the Responses API's computer tool; read in openai/openai-cua-sample-app and openai-python (response_computer_tool_call).
Written are the actions, or with a thought the items of a response. The mouse's back and forward buttons read as the browser's keys.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from actions.coordinates import ModelSpace
from actions.dialects.anthropic import held
from actions.dialects.fields import Fields, point_of
from actions.dialects.items import read_items
from actions.dialects.text_dialect import Read, TextDialect
from actions.dialects.tool_actions import ReadWord, read_each_tool
from actions.dialects.wheel import clicks_of_pixels, pixels_of_clicks
from actions.dialects.wire_words import numbers_of, write_wire
from actions.geometry import Point
from actions.keys import canonical_key
from actions.space import Action, Button, Click, Drag, Hotkey, Modifier, Move, Scroll, TakeScreenshot, TypeText, Wait

_BUTTONS: dict[str, Button] = {"left": "left", "right": "right", "wheel": "middle", "middle": "middle"}
_BUTTON_WORDS = {"left": "left", "right": "right", "middle": "wheel"}
_NAVIGATION = {"back": Hotkey(keys=("alt", "left")), "forward": Hotkey(keys=("alt", "right"))}
_MISSING = 'there is no action: answer with one such as {"type": "click", "x": 640, "y": 360, "button": "left"}'


def _read_point(given: Fields) -> Point:
    return point_of([given.need("x"), given.need("y")], given.space)


def _read_modifiers(given: Fields) -> tuple[Modifier, ...]:
    value = given.take("keys")
    return () if not value else Fields(given.word, {"keys": value}, given.space).modifiers("keys")


def _read_click(given: Fields, actions: list[Action]) -> None:
    button = given.choice("button", (*_BUTTONS, *_NAVIGATION), "left")
    point, modifiers = _read_point(given), _read_modifiers(given)
    if button in _NAVIGATION:
        actions.append(_NAVIGATION[button])
    else:
        count = {"double_click": 2, "triple_click": 3}.get(given.word, 1)
        actions.append(Click(point=point, button=_BUTTONS[button], count=count, modifiers=modifiers))


def _read_drag(given: Fields, actions: list[Action]) -> None:
    path = given.need("path")
    if not isinstance(path, list | tuple):
        raise ValueError('path must be a list of points, as in [{"x": 1, "y": 2}, …]')
    button = _BUTTONS[given.choice("button", tuple(_BUTTONS), "left")]
    drag = Drag(path=tuple(point_of(each, given.space) for each in path), button=button)
    actions.extend(held(_read_modifiers(given), [drag]))


def _read_scroll(given: Fields, actions: list[Action]) -> None:
    point = _read_point(given) if given.has("x", "y") else None
    right, down = given.number(("scroll_x",), 0.0), given.number(("scroll_y",), 0.0)
    scroll = Scroll(point=point, dx=clicks_of_pixels(right, 0), dy=-clicks_of_pixels(down, 0))
    actions.extend(held(_read_modifiers(given), [scroll]))


def _read_move(given: Fields, actions: list[Action]) -> None:
    actions.extend([Move(point=_read_point(given))])
    _read_modifiers(given)


def _read_keypress(given: Fields, actions: list[Action]) -> None:
    actions.append(Hotkey(keys=given.keys("keys")))


def _read_type(given: Fields, actions: list[Action]) -> None:
    actions.append(TypeText(text=given.text("text")))


def _read_wait(given: Fields, actions: list[Action]) -> None:
    actions.append(Wait(seconds=given.number(("ms",), 1000 * Wait().seconds) / 1000))


def _read_screenshot(given: Fields, actions: list[Action]) -> None:
    actions.append(TakeScreenshot())


_WORDS: dict[str, ReadWord] = {
    "click": _read_click,
    "double_click": _read_click,
    "triple_click": _read_click,
    "drag": _read_drag,
    "keypress": _read_keypress,
    "move": _read_move,
    "scroll": _read_scroll,
    "type": _read_type,
    "wait": _read_wait,
    "screenshot": _read_screenshot,
}


class OpenAI(TextDialect):
    """OpenAI's models with the computer tool."""

    name = "openai"
    family_coordinates = "sent"

    def read(self, text: str, space: ModelSpace) -> Read:
        said = read_items(text, _MISSING)
        if said.error:
            return Read(said.thought, error=said.error)
        return read_each_tool(said.thought, said.calls, space, _WORDS, ("type", "action"))

    def write(self, thought: str, actions: Sequence[Action], space: ModelSpace) -> str:
        written = [_write_action(action, space) for action in actions]
        if not thought:
            return "\n".join(json.dumps(each, ensure_ascii=False) for each in written)
        said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": thought}]}
        call = {"action": written[0]} if len(written) == 1 else {"actions": written}
        return json.dumps([said, {"type": "computer_call", **call}], ensure_ascii=False)


def _write_action(action: Action, space: ModelSpace) -> dict[str, object]:
    def at(point: Point | None) -> dict[str, object]:
        return {} if point is None else dict(zip("xy", numbers_of(point, space), strict=True))

    match action:
        case Click(count=1):
            keys = {"keys": list(action.modifiers)} if action.modifiers else {}
            return {"type": "click", **at(action.point), "button": _BUTTON_WORDS[action.button], **keys}
        case Click(button="left"):
            keys = {"keys": list(action.modifiers)} if action.modifiers else {}
            return {"type": "double_click" if action.count == 2 else "triple_click", **at(action.point), **keys}
        case Move():
            return {"type": "move", **at(action.point)}
        case Drag():
            button = {} if action.button == "left" else {"button": _BUTTON_WORDS[action.button]}
            return {"type": "drag", "path": [at(point) for point in action.path], **button}
        case Scroll():
            turns = {"scroll_x": pixels_of_clicks(action.dx), "scroll_y": -pixels_of_clicks(action.dy)}
            return {"type": "scroll", **at(action.point), **turns}
        case Hotkey():
            return {"type": "keypress", "keys": [_write_key(key) for key in action.keys]}
        case Wait() if action == Wait():
            return {"type": "wait"}
        case Wait():
            return {"type": "wait", "ms": action.seconds * 1000} if action.seconds * 1000 / 1000 == action.seconds else _own(action, space)
        case _:
            return _own(action, space)


def _own(action: Action, space: ModelSpace) -> dict[str, object]:
    word, written = write_wire(action, space)
    return {"type": word, **written}


def _write_key(key: str) -> str:
    """The key in capitals, as the API writes named keys, where that names the same key."""
    return key.upper() if len(key) > 1 and canonical_key(key.upper()) == key else key
