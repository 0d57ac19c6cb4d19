"""What a vocabulary is: three functions between a model's text, a data set's words and Deftly's actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from actions.geometry import Point
from actions.space import Action
from evaluation.steps import Act, EvalStep, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """How one data set writes actions.

    `read` takes an answer in the data set's own format, the one that its authors' scorer reads, and raises `Unreadable`.
    `from_actions` says what a dialect read in the data set's words, `to_actions` says the data set's acts as Deftly would perform them.
    """

    name: str
    read: Callable[[str, EvalStep], tuple[Act, ...]]
    from_actions: Callable[[Sequence[Action]], tuple[Act, ...]]
    to_actions: Callable[[Sequence[Act]], tuple[Action, ...]]


def place_of(point: Point) -> Place:
    return Place(point.x, point.y)


def point_of(place: Place) -> Point:
    """The nearest point of the screen: recordings hold places a hair outside it."""
    return Point(min(1.0, max(0.0, place.x)), min(1.0, max(0.0, place.y)))
