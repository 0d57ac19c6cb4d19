"""The contract of a dialect: a model's text to a `Prediction`, and a `Prediction` to the text that the model would have written.

* `parse` takes any text. What cannot be read, or not without guessing, becomes the prediction's `error`, which names the
  piece and the mend; its `actions` are then empty, so a half-understood answer is never half performed.
* `format` writes the canonical text. Reading it back gives the same actions, points within half a unit of the dialect's
  grid, and the same thought up to the white space around it.
* A model's text is data: it becomes typed actions, never source text of any language, and reading it takes linear time.
"""

from __future__ import annotations

from typing import Protocol

from actions.geometry import Frame
from actions.space import Prediction

MAX_CHARACTERS = 256 * 1024
MAX_ACTIONS = 100


class Dialect(Protocol):
    """How one model family writes. Its class is called with the `ImageRule` of the model, `None` for the family's own."""

    @property
    def name(self) -> str:
        """The name under which `get_dialect` knows it."""
        ...

    def parse(self, text: str, frame: Frame) -> Prediction:
        """What `text` says, for a model that saw `frame`. Never raises on what a model wrote.

        Raises:
            ValueError: the model cannot have seen a picture of the frame's size.
        """
        ...

    def format(self, prediction: Prediction, frame: Frame) -> str:
        """The canonical text of `prediction`: its thought and actions; its raw text is not used.

        Raises:
            ValueError: there are no actions to write, or the frame's size is one that no model takes.
        """
        ...
