"""What a metric is, and the two forms in which it speaks: the score of a step, and figures over many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from evaluation.steps import Act, EvalStep
from evaluation.vocabularies.base import Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScore:
    """What one step got.

    `actions` holds the score of each wanted type, `parts` what the score is made of (`element`, `operation_f1`); a part that a step does
    not have is absent. `option` is the way that was scored: 0 the ground truth, n the n-th alternative.
    """

    score: float
    actions: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    option: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A step with what was said about it. `note` tells why nothing could be scored: missing, unreadable."""

    step: EvalStep
    score: StepScore
    acts: tuple[Act, ...] = ()
    text: str | None = None
    note: str = ""

    @property
    def success(self) -> bool:
        return self.score.score >= 1.0


class Metric(Protocol):
    """How one benchmark scores steps."""

    @property
    def name(self) -> str: ...

    @property
    def source(self) -> str:
        """Where its authors define it."""
        ...

    @property
    def vocabulary(self) -> Vocabulary: ...

    def score(self, step: EvalStep, acts: Sequence[Act]) -> StepScore:
        """The score of `acts`, from 0 to 1; `acts` may be empty."""
        ...

    def published(self, scored: Sequence[Scored]) -> dict[str, Any]:
        """The figures that the authors' own scorer prints, under its names."""
        ...


def mean(values: Sequence[float]) -> float:
    """0 of nothing, as the authors' scorers have it."""
    return sum(values) / len(values) if values else 0.0
