"""The dialect of UI-TARS-2 and Seed: functions in tags, from 0 to 1000 in both directions.

    <think_never_used_51bce0c785ca2f68081bfa7d91973934>why</think_never_used_51bce0c785ca2f68081bfa7d91973934><seed:tool_call>
    <function=click>
    <parameter=point><point>17 58</point></parameter>
    </function>
    </seed:tool_call>

The form, and that calls also come as JSON and with `name="…"`, was read in the tests of github.com/bytedance/UI-TARS-desktop,
multimodal/gui-agent/action-parser. Words and their arguments are those of UI-TARS, and so is what it has no words for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actions.coordinates import ModelSpace
from actions.dialects.call_actions import read_each
from actions.dialects.calls import Call
from actions.dialects.fields import shown_value
from actions.dialects.function_tags import write_function
from actions.dialects.text_dialect import Read, TextDialect
from actions.dialects.tool_calls import read_tool_calls
from actions.dialects.uitars import UITARS_IMAGE_RULE
from actions.dialects.uitars_layout import read_layout
from actions.dialects.uitars_reading import read_action
from actions.dialects.uitars_words import Notation
from actions.dialects.uitars_writing import words_of
from actions.space import Action

_THINK = "think_never_used_51bce0c785ca2f68081bfa7d91973934"
_NOTATION = Notation("point", "start_point", "end_point", "<point>{x} {y}</point>", "move_to", "press", "release")
_MISSING = "there is no tool call: end with <seed:tool_call><function=click><parameter=point>…</parameter></function></seed:tool_call>"


class UiTars2(TextDialect):
    """UI-TARS-2, Seed-1.8 and their like."""

    name = "uitars-2"
    family_rule = UITARS_IMAGE_RULE
    family_coordinates = "relative-1000"
    marks = ("</think", "◁/think")

    def read(self, text: str, space: ModelSpace) -> Read:
        said = read_tool_calls(text, _MISSING)
        if said.error == _MISSING:  # Omni-TARS writes the calls of UI-TARS behind the same thinking
            older = read_layout(text)
            return Read(said.thought, error=_MISSING) if older.error else read_each(older.thought, older.calls, space, read_action)
        if said.error:
            return Read(said.thought, error=said.error)
        try:
            calls = [Call(call.name, _texts(call.arguments), call.source) for call in said.calls]
        except ValueError as error:
            return Read(said.thought, error=str(error))
        return read_each(said.thought, calls, space, read_action)

    def write(self, thought: str, actions: Sequence[Action], space: ModelSpace) -> str:
        functions = [write_function(name, _written(args)) for name, args in (words_of(action, space, _NOTATION) for action in actions)]
        calls = "\n".join(["<seed:tool_call>", *functions, "</seed:tool_call>"])
        return f"<{_THINK}>{thought}</{_THINK}>{calls}" if thought else calls


def _texts(arguments: Mapping[str, object]) -> dict[str, str]:
    """The arguments as texts; those that came as JSON lose their types."""
    texts: dict[str, str] = {}
    for name, value in arguments.items():
        if isinstance(value, list | tuple) and all(isinstance(each, int | float) for each in value):
            value = " ".join(map(str, value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = repr(value)
        if not isinstance(value, str):
            raise ValueError(f"{name} is {shown_value(value)}: it must be a text")
        texts[name] = _unescaped_end(value) if name == "content" else value
    return texts


def _written(arguments: Mapping[str, str]) -> dict[str, str]:
    return {name: _escaped_end(value) if name == "content" else value for name, value in arguments.items()}


def _unescaped_end(text: str) -> str:
    r"""`text` with a written-out \n at its end as the Enter that it means; all else stands as it is."""
    if not text.endswith("\\n"):
        return text
    bare = text[:-1].rstrip("\\")
    num_backslashes = len(text) - 1 - len(bare)
    return bare + "\n" if num_backslashes == 1 else bare + "\\" * (num_backslashes - 1) + "n"


def _escaped_end(text: str) -> str:
    r"""`text` so that a written-out \n at its end stays one."""
    return text[:-1] + "\\n" if text.endswith("\\n") else text
