"""What the versions of UI-TARS share: they differ in the space of their coordinates and in how they write a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from actions.coordinates import ModelSpace
from actions.dialects.call_actions import read_each
from actions.dialects.text_dialect import Read, TextDialect
from actions.dialects.uitars_layout import read_layout
from actions.dialects.uitars_reading import read_action
from actions.dialects.uitars_words import Notation
from actions.dialects.uitars_writing import write_action
from actions.resize import ImageRule
from actions.space import Action

UITARS_IMAGE_RULE = ImageRule(factor=28, min_pixels=100 * 28 * 28, max_pixels=16384 * 28 * 28)


class UiTars(TextDialect):
    """`Thought: …` and `Action: …` with calls. Any version reads every spelling of a point; each writes its own."""

    family_rule = UITARS_IMAGE_RULE
    notation: ClassVar[Notation]

    def read(self, text: str, space: ModelSpace) -> Read:
        said = read_layout(text)
        return Read(said.thought, error=said.error) if said.error else read_each(said.thought, said.calls, space, read_action)

    def write(self, thought: str, actions: Sequence[Action], space: ModelSpace) -> str:
        calls = "\n\n".join(write_action(action, space, self.notation) for action in actions)
        return f"Thought: {thought}\nAction: {calls}" if thought else f"Action: {calls}"
