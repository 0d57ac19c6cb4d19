"""What a report holds, before it is a page: figures in groups, items to look at one by one, and what everything was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from actions.geometry import Size
from evaluation.steps import Box, Place, Polygon

FigureJson = Mapping[str, Any]  # as `statistics.Figure.as_json` makes it; with `plain`, one that is no share and not told in per cent


class Shown(Protocol):
    """A picture that can be put on the page."""

    @property
    def size(self) -> Size: ...

    def read(self) -> bytes:
        """The file as it is, PNG or JPEG.

        Raises:
            ValueError: it is not there.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Figures that belong beside each other: one row each, on one axis from `low` to `high`."""

    title: str
    rows: Mapping[str, FigureJson]
    note: str = ""
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is drawn on a screen: where something should have landed, or where it did."""

    kind: Literal["wanted", "said", "other"]
    label: str = ""
    place: Place | None = None
    end: Place | None = None
    boxes: tuple[Box, ...] = ()
    polygons: tuple[Polygon, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One paragraph beside the screen: whose it is, and the words; `raw` ones are shown as they are, folded away."""

    title: str
    words: str
    raw: bool = False
    tone: Literal["", "wanted", "said", "other", "bad"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something to look at: a failed step, an unsolved trial, a step in which two runs differ. It can be filtered by `tags`."""

    name: str
    title: str
    score: float
    badge: str
    picture: Shown | None = None
    marks: tuple[Mark, ...] = ()
    said: tuple[Said, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One page."""

    title: str
    subtitle: str
    headlines: Mapping[str, FigureJson]
    counts: Mapping[str, str]
    groups: tuple[Group, ...]
    items: tuple[Item, ...]
    items_title: str
    about: Mapping[str, Any]
    scores: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
