"""What can be wrong with training's input.

TrainingError            also a ValueError: the caller can mend it
├── BadData              a sample cannot be trained on; names its file and step
├── DataSetError         a prepared data set is missing, damaged or of another version
├── Overlong             samples do not fit into a pack; names them
├── NotPacked            packed attention was asked for without the segments' boundaries
├── PackingLeaks         packed and per-sample results of the loaded model differ
└── RunError             a run cannot be started or resumed as asked
"""

from __future__ import annotations


class TrainingError(ValueError):
    """Base of what training refuses."""


class BadData(TrainingError):
    """A sample cannot be trained on."""


class DataSetError(TrainingError):
    """A folder is no prepared data set, or not one that this Deftly reads."""


class Overlong(TrainingError):
    """Samples are longer than a pack, and nobody said what to do with them."""


class NotPacked(TrainingError):
    """Attention over a pack without its boundaries would mix its samples."""


class PackingLeaks(TrainingError):
    """The loaded model gives another result packed than sample by sample."""


class RunError(TrainingError):
    """The run's configuration, or what lies in its folder, does not allow what was asked."""
