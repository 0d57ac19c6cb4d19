"""What can be wrong with what is evaluated; every message names the place and the mend.

ValueError
├── DatasetError        a data set that cannot be told or read: its file, its step
├── PredictionsError    stored answers that cannot be scored: their file and line
├── Unreadable          an answer in which nothing can be read; it scores 0, and the report says why
└── Contaminated        the model was trained on what it is to be evaluated on
"""

from __future__ import annotations


class DatasetError(ValueError):
    """A data set cannot be read; the message names the file, and the step where it is one step's fault."""


class PredictionsError(ValueError):
    """Stored predictions cannot be used; the message names the file and the line."""


class Unreadable(ValueError):
    """A model's text says nothing that can be scored; the message says why."""


class Contaminated(ValueError):
    """The model's card lists as trained on what it is to be evaluated on."""
