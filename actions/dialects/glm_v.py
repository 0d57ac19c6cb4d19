r"""The dialect of GLM-4.1V to GLM-4.6V: words, and `left_click(start_box='[376,465]', element_info='')`, from 0 to 999 in both directions.

    The search box is in the middle.
    left_click(start_box='[376,465]', element_info='')
    Memory:
    []

The form is that of github.com/zai-org/GLM-V, examples/gui-agent; the answer may stand between <|begin_of_box|> and <|end_of_box|>.
On phones it is an object such as {"action_type": "click", "box_2d": [[x1, y1, x2, y2]]}.
What GLM has no words for is said with those of UI-TARS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from actions.coordinates import ModelSpace
from actions.dialects.arguments import Arguments
from actions.dialects.call_actions import read_each
from actions.dialects.calls import Call, write_call
from actions.dialects.glm_phone import PHONE_WORDS, WORD_FIELD
from actions.dialects.key_names import read_keys, write_keys
from actions.dialects.text_dialect import Read, TextDialect
from actions.dialects.thinking import without_tails
from actions.dialects.tool_actions import read_each_tool
from actions.dialects.tool_calls import read_tool_calls
from actions.dialects.uitars_layout import read_layout
from actions.dialects.uitars_reading import read_action
from actions.dialects.uitars_words import DIRECTIONS, WHEEL_CLICKS, Notation
from actions.dialects.uitars_writing import write_action
from actions.geometry import Point
from actions.resize import ImageRule
from actions.space import Action, Button, Click, Drag, Failed, Finished, Hotkey, Move, Scroll, TypeText, Wait

_BOX = re.compile(r"<\|(?:begin|end)_of_box\|>")
_MEMORY = re.compile(r"\n[ \t]*\**Memory\**[ \t]*[:：]\**")
_CLICKS: dict[tuple[Button, int], str] = {
    ("left", 1): "left_click",
    ("right", 1): "right_click",
    ("middle", 1): "middle_click",
    ("left", 2): "left_double_click",
}
_DIRECTION_WORDS = {step: word for word, step in DIRECTIONS.items()}
_NOTATION = Notation("start_box", "start_box", "end_box", "[{x},{y}]")
_WAIT_SECONDS = 5.0


class GlmV(TextDialect):
    """GLM-V at a computer or a phone."""

    name = "glm-v"
    family_rule = ImageRule(factor=28, min_pixels=112 * 112, max_pixels=14 * 14 * 4 * 6144)
    family_coordinates = "relative-999"

    def read(self, text: str, space: ModelSpace) -> Read:
        body = _without_memory(_BOX.sub("", text))
        if WORD_FIELD in body:
            said = read_tool_calls(body)
            if not said.error:
                return read_each_tool(said.thought, said.calls, space, PHONE_WORDS, (WORD_FIELD, "action"))
        layout = read_layout(body)
        return Read(layout.thought, error=layout.error) if layout.error else read_each(layout.thought, layout.calls, space, _read_call)

    def write(self, thought: str, actions: Sequence[Action], space: ModelSpace) -> str:
        calls = "\n".join(_write_call(action, space) for action in actions)
        text = f"{thought}\n{calls}\nMemory:\n[]" if thought else f"{calls}\nMemory:\n[]"
        again = self.read(text, space)
        if again.error is None and again.thought == thought and len(again.actions) == len(actions):
            return text
        return f"Thought: {thought}\nAction: {calls}"  # a thought with calls or labels in it needs a label of its own


def _without_memory(text: str) -> str:
    """`text` without the memory at its end, a list in JSON that the model keeps for itself."""
    found = None
    for found in _MEMORY.finditer(text):  # noqa: B007 - the last one counts
        pass
    if found is None:
        return text
    memory = without_tails(text[found.end() :], "</answer>", "```").strip()
    return text[: found.start()] if not memory or (memory[0] == "[" and memory[-1] == "]") else text


def _read_call(call: Call, space: ModelSpace) -> Action | tuple[Action, ...]:
    read = _READERS.get(call.name.lower())
    args = Arguments(call, space)
    if read is None or args.has("modifiers", "count", "button", "dx", "dy", "amount", "via", "time"):
        return read_action(call, space)
    args.take("element_info")
    action = read(args)
    args.finish()
    return action


def _read_double(args: Arguments) -> Action:
    return Click(point=args.place("start_box", "point", "box"), count=2)


def _read_drag(args: Arguments) -> Action:
    return Drag(path=(args.place("start_box", "start_point"), args.place("end_box", "end_point")))


def _read_click(args: Arguments) -> Action:
    button: Button = "right" if args.word.startswith("right") else "middle" if args.word.startswith("middle") else "left"
    return Click(point=args.place("start_box", "point", "box"), button=button)


def _read_move(args: Arguments) -> Action:
    return Move(point=args.place("start_box", "point", "box"))


def _read_scroll(args: Arguments) -> Action:
    point = args.place_or_none("start_box", "point", "box")
    dx, dy = DIRECTIONS[args.choice("direction", tuple(DIRECTIONS))]
    step = args.whole("step", WHEEL_CLICKS)
    if step < 1:
        raise ValueError(f"step is {step}: it must be 1 or more wheel clicks")
    return Scroll(point=point, dx=dx * step, dy=dy * step)


_READERS: dict[str, Callable[[Arguments], Action]] = {
    **dict.fromkeys(("left_click", "right_click", "middle_click", "click"), _read_click),
    "left_double_click": _read_double,
    "left_drag": _read_drag,
    "hover": _read_move,
    "key": lambda args: Hotkey(keys=read_keys(args.need("keys", "key"))),
    "type": lambda args: TypeText(text=args.need("content", "text")),
    "scroll": _read_scroll,
    "wait": lambda args: Wait(seconds=_WAIT_SECONDS),
    "done": lambda args: Finished(),
    "fail": lambda args: Failed(),
}


def _write_call(action: Action, space: ModelSpace) -> str:
    def at(point: Point) -> str:
        return "[{},{}]".format(*space.numbers(point))

    match action:
        case Click(modifiers=()) if (action.button, action.count) in _CLICKS:
            return write_call(_CLICKS[action.button, action.count], start_box=at(action.point), element_info="")
        case Move():
            return write_call("hover", start_box=at(action.point), element_info="")
        case Drag(path=(start, end), button="left"):
            return write_call("left_drag", start_box=at(start), end_box=at(end), element_info="")
        case Hotkey():
            return write_call("key", keys=write_keys(action.keys, "+"))
        case Scroll(point=Point() as point) if bool(action.dx) != bool(action.dy):
            step = abs(action.dx or action.dy)
            direction = _DIRECTION_WORDS[action.dx // step, action.dy // step]
            where = {"start_box": at(point), "direction": direction}
            return write_call("scroll", **where)[:-1] + f", step={step}, element_info='')"
        case Wait(seconds=5.0):
            return "WAIT()"
        case Finished(answer=None):
            return "DONE()"
        case Failed(reason=None):
            return "FAIL()"
        case _:
            return write_action(action, space, _NOTATION)
