"""The dialects of Qwen2.5-VL and Qwen3-VL: calls of the tools `computer_use` and `mobile_use` in JSON.

    Action: Click the button.
    <tool_call>
    {"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [500, 300]}}
    </tool_call>

The form is that of the cookbooks of github.com/QwenLM/Qwen3-VL. Qwen2.5-VL counts pixels of the resized image, Qwen3-VL from 0 to 1000.
Qwen3.5's functions in tags are read, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import ClassVar

from actions.coordinates import Coordinates, ModelSpace
from actions.dialects import computer_use, mobile_use
from actions.dialects.text_dialect import QWEN2_5_VL_RULE, QWEN3_VL_RULE, Read, TextDialect
from actions.dialects.tool_actions import ReadWord, read_each_tool
from actions.dialects.tool_calls import labelled, read_tool_calls
from actions.space import Action


class ToolDialect(TextDialect):
    """A thought, and a `<tool_call>` for each action."""

    marks = ("<tool_call>", "<function", "</think", "◁/think")
    tool: ClassVar[str]
    words: ClassVar[dict[str, ReadWord]]
    arguments: ClassVar[Callable[[Action, ModelSpace], list[dict[str, object]]]]

    def read(self, text: str, space: ModelSpace) -> Read:
        said = read_tool_calls(text, padded=True)
        return Read(said.thought, error=said.error) if said.error else read_each_tool(said.thought, said.calls, space, self.words)

    def write(self, thought: str, actions: Sequence[Action], space: ModelSpace) -> str:
        arguments = [each for action in actions for each in type(self).arguments(action, space)]
        return labelled(thought) + "\n".join(tool_call(self.tool, each) for each in arguments)


def tool_call(name: str, arguments: dict[str, object]) -> str:
    """One call in its tags."""
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}\n</tool_call>"


class Qwen25Vl(ToolDialect):
    """Qwen2.5-VL at a computer."""

    name = "qwen2.5-vl"
    family_rule = QWEN2_5_VL_RULE
    family_coordinates: ClassVar[Coordinates] = "resized"
    tool = "computer_use"
    words = computer_use.WORDS
    arguments = computer_use.write_action


class Qwen3Vl(Qwen25Vl):
    """Qwen3-VL and Qwen3.5 at a computer, and EvoCUA."""

    name = "qwen3-vl"
    family_rule = QWEN3_VL_RULE
    family_coordinates = "relative-1000"


class Qwen25VlMobile(ToolDialect):
    """Qwen2.5-VL at a phone."""

    name = "qwen2.5-vl-mobile"
    family_rule = QWEN2_5_VL_RULE
    family_coordinates: ClassVar[Coordinates] = "resized"
    tool = "mobile_use"
    words = mobile_use.WORDS
    arguments = mobile_use.write_action


class Qwen3VlMobile(Qwen25VlMobile):
    """Qwen3-VL at a phone."""

    name = "qwen3-vl-mobile"
    family_rule = QWEN3_VL_RULE
    family_coordinates = "relative-1000"
