"""The dialects of Holo: a step in JSON.

    {"note": "", "thought": "…", "action": {"action": "click_element", "element": "…", "x": 352, "y": 348}}

The form is that of github.com/hcompai/hai-cookbook (utils/navigation.py, holo1_5, holo2). Holo1 and Holo1.5 count pixels of the resized
image, Holo2 from 0 to 1000. `write_element_abs` clicks, writes and presses Enter; `goto`, `go_back` and `refresh` are the browser's keys.
Answers to questions for a place alone are read, too: `Click(352, 348)`, `{"x": 352, "y": 348}`, `click_absolute`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import ClassVar

from actions.coordinates import Coordinates, ModelSpace
from actions.dialects.computer_use import write_own
from actions.dialects.fields import Fields, point_of
from actions.dialects.json_text import JsonError, read_json
from actions.dialects.text_dialect import QWEN2_5_VL_RULE, QWEN3_VL_RULE, Read, TextDialect
from actions.dialects.thinking import joined, split_thinking, without_tails
from actions.dialects.tool_actions import ReadWord, read_each_tool
from actions.dialects.tool_calls import ToolCall, read_tool_calls
from actions.geometry import Point
from actions.space import Action, Click, Finished, Hotkey, Scroll, TypeText, Wait

_DIRECTIONS = {"down": (0, -5), "up": (0, 5), "left": (-5, 0), "right": (5, 0)}
_DIRECTION_WORDS = {turn: word for word, turn in _DIRECTIONS.items()}
_WAIT_SECONDS = 2.0  # the schema's default
_PLACE = re.compile(r"\s*(?:Click|click)\s*\(\s*(?:x\s*=\s*)?(\d{1,6})\s*,\s*(?:y\s*=\s*)?(\d{1,6})\s*\)\s*")
_MISSING = (
    'there is no step: answer with {"note": "", "thought": "…", "action": {"action": "click_element", "element": "…", "x": 1, "y": 2}}'
)


def _read_place(given: Fields) -> Point:
    given.take("element")
    return point_of([given.need("x"), given.need("y")], given.space)


def _read_click(given: Fields, actions: list[Action]) -> None:
    actions.append(Click(point=_read_place(given)))


def _read_write(given: Fields, actions: list[Action]) -> None:
    text = given.text("content")
    actions.extend([Click(point=_read_place(given)), TypeText(text=text + "\n")])


def _read_scroll(given: Fields, actions: list[Action]) -> None:
    dx, dy = _DIRECTIONS[given.choice("direction", tuple(_DIRECTIONS))]
    point = _read_place(given) if given.has("x", "y") else None
    actions.append(Scroll(point=point, dx=dx, dy=dy))


def _read_goto(given: Fields, actions: list[Action]) -> None:
    actions.extend([Hotkey(keys=("ctrl", "l")), TypeText(text=given.text("url") + "\n")])


def _read_keys_of(*keys: str) -> ReadWord:
    return lambda given, actions: actions.append(Hotkey(keys=keys))


def _read_wait(given: Fields, actions: list[Action]) -> None:
    actions.append(Wait(seconds=given.number(("seconds",), _WAIT_SECONDS)))


def _read_answer(given: Fields, actions: list[Action]) -> None:
    actions.append(Finished(answer=given.text_or_none("content", "answer")))


def _read_restart(given: Fields, actions: list[Action]) -> None:
    raise ValueError("restart has no meaning here: nobody knows where the task began, so say where to go")


_WORDS: dict[str, ReadWord] = {
    **dict.fromkeys(("click_element", "click_absolute", "click"), _read_click),
    **dict.fromkeys(("write_element_abs", "write_element"), _read_write),
    "scroll": _read_scroll,
    "goto": _read_goto,
    "go_back": _read_keys_of("alt", "left"),
    "refresh": _read_keys_of("f5"),
    "wait": _read_wait,
    "answer": _read_answer,
    "restart": _read_restart,
}


class Holo(TextDialect):
    """Holo1 and Holo1.5, made from Qwen2.5-VL."""

    name = "holo"
    family_rule = QWEN2_5_VL_RULE
    family_coordinates: ClassVar[Coordinates] = "resized"

    def read(self, text: str, space: ModelSpace) -> Read:
        thinking, rest = split_thinking(text)
        body = without_tails(text if rest is None else rest, "```").strip().removeprefix("```json").removeprefix("```").strip()
        if place := _PLACE.fullmatch(body):
            call = ToolCall("click", {"x": float(place[1]), "y": float(place[2])}, body)
            return read_each_tool(thinking, [call], space, _WORDS)
        thought, calls, error = _read_step(thinking, body, text)
        return Read(thought, error=error) if error else read_each_tool(thought, calls, space, _WORDS)

    def write(self, thought: str, actions: Sequence[Action], space: ModelSpace) -> str:
        written = _write_actions(actions, space)
        action = written[0] if len(written) == 1 else written
        return json.dumps({"note": "", "thought": thought, "action": action}, ensure_ascii=False)


class Holo2(Holo):
    """Holo2, made from Qwen3-VL."""

    name = "holo2"
    family_rule = QWEN3_VL_RULE
    family_coordinates = "relative-1000"


def _read_step(thinking: str, body: str, text: str) -> tuple[str, list[ToolCall], str | None]:
    """The thought and the calls of a step in JSON, or of words with an action behind them."""
    try:
        value, end = read_json(body, whole=True) if body.startswith("{") else (None, -1)
    except JsonError as error:
        return thinking, [], str(error)
    if not isinstance(value, dict) or end != len(body):
        return read_tool_calls(text, _MISSING)
    if not isinstance(value.get("action"), dict | list):
        return thinking, [ToolCall("click" if set(value) == {"x", "y"} else "", value, body[:120])], None
    said = [value.get(name) for name in ("note", "thought")]
    steps = value["action"] if isinstance(value["action"], list) else [value["action"]]
    calls = [ToolCall("", each if isinstance(each, dict) else {"action": each}, body[:120]) for each in steps]
    return joined(thinking, *(each for each in said if isinstance(each, str))), calls, None if calls else _MISSING


def _write_actions(actions: Sequence[Action], space: ModelSpace) -> list[dict[str, object]]:
    written: list[dict[str, object]] = []
    left = list(actions)
    while left:
        action = left.pop(0)
        if _is_click(action) and left and isinstance(left[0], TypeText) and left[0].text.endswith("\n"):
            text = left.pop(0)
            assert isinstance(text, TypeText)
            written.append({"action": "write_element_abs", "content": text.text[:-1], "element": "", **_at(action, space)})
        else:
            written.append(_write_action(action, space))
    return written


def _write_action(action: Action, space: ModelSpace) -> dict[str, object]:
    if _is_click(action):
        return {"action": "click_element", "element": "", **_at(action, space)}
    match action:
        case Scroll(point=None) if (action.dx, action.dy) in _DIRECTION_WORDS:
            return {"action": "scroll", "direction": _DIRECTION_WORDS[action.dx, action.dy]}
        case Hotkey(keys=("alt", "left")):
            return {"action": "go_back"}
        case Hotkey(keys=("f5",)):
            return {"action": "refresh"}
        case Wait():
            return {"action": "wait", "seconds": action.seconds}
        case Finished():
            return {"action": "answer", "content": action.answer}
        case _:
            return write_own(action, space)


def _is_click(action: Action) -> bool:
    return isinstance(action, Click) and action == Click(point=action.point)


def _at(action: Action, space: ModelSpace) -> dict[str, object]:
    assert isinstance(action, Click)
    return dict(zip("xy", space.numbers(action.point), strict=True))
