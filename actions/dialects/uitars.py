"""What the versions of UI-TARS share: they differ in the space of their coordinates and in how they write a point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from actions.dialects.base import MAX_CHARACTERS
from actions.dialects.calls import shown
from actions.dialects.places import ModelSpace
from actions.dialects.uitars_layout import read_layout
from actions.dialects.uitars_reading import read_action
from actions.dialects.uitars_words import Notation
from actions.dialects.uitars_writing import write_action
from actions.geometry import Frame
from actions.space import Action, Prediction


class UiTars(ABC):
    """`Thought: …` and `Action: …` with calls. Any version reads every spelling of a point; each writes its own."""

    name: ClassVar[str]
    notation: ClassVar[Notation]

    @abstractmethod
    def space(self, frame: Frame) -> ModelSpace:
        """The space in which a model that saw `frame` writes coordinates."""

    def parse(self, text: str, frame: Frame) -> Prediction:
        """What `text` says; see `Dialect.parse`."""
        space = self.space(frame)
        if len(text) > MAX_CHARACTERS:
            error = f"the text has {len(text)} characters: at most {MAX_CHARACTERS} are read, so ask the model for fewer (max_tokens)"
            return Prediction(text=text, error=error)
        said = read_layout(text)
        actions: list[Action] = []
        for index, call in enumerate(said.calls, start=1):
            try:
                actions.append(read_action(call, space))
            except ValueError as error:
                which = f"action {index} of {len(said.calls)}, " if len(said.calls) > 1 else ""
                return Prediction(thought=said.thought, text=text, error=f"{which}{shown(call.source, length=80)}: {error}")
        return Prediction(thought=said.thought, actions=tuple(actions), text=text, error=said.error)

    def format(self, prediction: Prediction, frame: Frame) -> str:
        """The canonical text of `prediction`; see `Dialect.format`."""
        if not prediction.actions:
            raise ValueError("a prediction without actions cannot be written: its text would not be read back")
        space = self.space(frame)
        calls = "\n\n".join(write_action(action, space, self.notation) for action in prediction.actions)
        thought = prediction.thought.strip()
        return f"Thought: {thought}\nAction: {calls}" if thought else f"Action: {calls}"
