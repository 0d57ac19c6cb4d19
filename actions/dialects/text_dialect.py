"""What all our dialects share: limits, the model's space, and the promise that reading never raises and never half performs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from actions.coordinates import Coordinates, ModelSpace, space_of
from actions.dialects.base import MAX_ACTIONS, MAX_CHARACTERS
from actions.geometry import Frame
from actions.resize import ImageRule
from actions.space import Action, Prediction

QWEN2_5_VL_RULE = ImageRule(factor=28, min_pixels=4 * 28 * 28, max_pixels=16384 * 28 * 28)
QWEN3_VL_RULE = ImageRule(factor=32, min_pixels=64 * 32 * 32, max_pixels=12800 * 32 * 32)


class Read(NamedTuple):
    """A text as it was understood: its thought, and its actions or the error that kept them from being read."""

    thought: str
    actions: Sequence[Action] = ()
    error: str | None = None


class TextDialect(ABC):
    """A dialect with a rule for coordinates. `image_rule` and `coordinates` are the model's own, where they differ from its family's.

    Raises:
        ValueError: this dialect cannot be written with these coordinates.
    """

    name: ClassVar[str]
    family_rule: ClassVar[ImageRule] = QWEN2_5_VL_RULE
    family_coordinates: ClassVar[Coordinates]
    # A thought that holds one of these, in any case, might be read as more than a thought: then what was written is read back once.
    marks: ClassVar[tuple[str, ...]] = ()

    def __init__(self, image_rule: ImageRule | None = None, coordinates: Coordinates | None = None) -> None:
        self.image_rule = image_rule or self.family_rule
        self.coordinates: Coordinates = coordinates or self.family_coordinates
        self._last: tuple[Frame, ModelSpace] | None = None

    @abstractmethod
    def read(self, text: str, space: ModelSpace) -> Read:
        """What `text` says. Raises nothing."""

    @abstractmethod
    def write(self, thought: str, actions: Sequence[Action], space: ModelSpace) -> str:
        """The canonical text."""

    def space(self, frame: Frame) -> ModelSpace:
        """The space in which a model that saw `frame` writes coordinates."""
        last = self._last  # many texts are read for one frame
        if last is None or last[0] is not frame:
            last = self._last = frame, space_of(self.coordinates, frame, self.image_rule)
        return last[1]

    def parse(self, text: str, frame: Frame) -> Prediction:
        """What `text` says; see `Dialect.parse`."""
        space = self.space(frame)
        if len(text) > MAX_CHARACTERS:
            too_long = f"the text has {len(text)} characters: at most {MAX_CHARACTERS} are read, so ask the model for fewer (max_tokens)"
            return Prediction(text=text, error=too_long)
        thought, actions, error = self.read(text, space)
        if error is None and len(actions) > MAX_ACTIONS:
            error = f"there are more than {MAX_ACTIONS} actions: ask the model for fewer at a time"
        if error is None and not actions:  # no reader should come here: each says what its family writes
            error = "there is no action in it"
        return Prediction(thought=thought, actions=() if error else tuple(actions), text=text, error=error)

    def format(self, prediction: Prediction, frame: Frame) -> str:
        """The canonical text of `prediction`; see `Dialect.format`."""
        if not prediction.actions:
            raise ValueError("a prediction without actions cannot be written: its text would not be read back")
        space, thought = self.space(frame), prediction.thought.strip()
        text = self.write(thought, prediction.actions, space)
        if any(mark in thought.lower() for mark in self.marks):
            again = self.read(text, space)
            if again.error or again.thought != thought or len(again.actions) != len(prediction.actions):
                raise ValueError(f"the thought cannot be written in {self.name}: part of it would be read as an action")
        return text
