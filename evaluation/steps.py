"""The one step type that every data set is read into: what was asked, what was seen, and what would have been right.

Actions stand here in the data set's own words (`Act`: `doubleClick`, `CLICK`, `open_app`), because the authors' metrics are defined on
them; `evaluation.vocabularies` turns them into Deftly's actions and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from actions.geometry import Size
from evaluation.pictures import Picture


class Place(NamedTuple):
    """A place as fractions of the picture; unlike a `Point` it may lie outside, since that is what some models write."""

    x: float
    y: float


class Box(NamedTuple):
    """A rectangle in fractions of the picture; its edges belong to it."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, place: Place) -> bool:
        return self.left <= place.x <= self.right and self.top <= place.y <= self.bottom

    @property
    def area(self) -> float:
        """As a fraction of the picture's."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    @classmethod
    def from_corner(cls, x: float, y: float, width: float, height: float) -> Box:
        return cls(x, y, x + width, y + height)

    def in_fractions_of(self, size: Size) -> Box:
        """The same box, whose sides were pixels of a picture of `size`."""
        return Box(self.left / size.width, self.top / size.height, self.right / size.width, self.bottom / size.height)


Polygon = tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One action in the words of a data set: its `type`, and those of the rest that the type has.

    `value` is a direction, a status, an app's name or a button, whatever the data set calls it. `named` says that `keys` are
    Deftly's canonical names rather than those of the data set.
    """

    type: str
    place: Place | None = None
    end: Place | None = None
    text: str = ""
    keys: tuple[str, ...] = ()
    value: str = ""
    amount: float | None = None
    named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One wanted action, and where it may land: in any of the boxes or polygons; without them, near its place."""

    act: Act
    boxes: tuple[Box, ...] = ()
    polygons: tuple[Polygon, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)


Option = tuple[Wanted, ...]  # one right way to do a step; several are alternatives


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalStep:
    """One step of one recorded episode.

    `step` is the data set's own number (it may have gaps), `index` the position in the episode. `options[0]` is the ground truth, the
    others are alternatives that count as well. `thought` and `code` are the recording's own words, for the history that a model is shown.
    """

    episode: str
    step: int
    index: int
    task: str
    options: tuple[Option, ...]
    picture: Picture
    thought: str = ""
    code: str = ""
    platform: str = ""
    split: str = ""
    milestone: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    history: tuple[EvalStep, ...] = ()

    @property
    def truth(self) -> Option:
        """What was really done; empty when the recording has nothing there."""
        return self.options[0] if self.options else ()

    @property
    def screen(self) -> Size:
        """Of the picture, in pixels.

        Raises:
            DatasetError: the picture is missing or damaged.
        """
        return self.picture.size

    def __str__(self) -> str:
        return f"step {self.step} of {self.episode}"
