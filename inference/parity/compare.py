"""How far apart two traces are, and where the difference starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.parity.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Of `other` from ours on one screen.

    `largest` is the largest difference of a log-probability (of a logit, where both have them) and `at` where it is; `starts` is the first
    place where it exceeds the tolerance. Places count from the beginning of the prompt; those of the answer go on from its end.
    `margin` is by how much our token was likelier than the second where greedy tokens part: a small one says that rounding chose.
    """

    screen: str
    other: str
    same_prompt: bool
    num_prompt_tokens: int
    num_answer_tokens: int
    largest: float
    at: int | None
    starts: int | None
    tokens_part_at: int | None
    margin: float | None
    tolerance: float

    @property
    def agrees(self) -> bool:
        return self.same_prompt and self.tokens_part_at is None and self.starts is None


def compare(screen: str, ours: Trace, theirs: Trace, *, other: str, tolerance: float) -> Difference:
    """Steps after the first token that differs are left out: they answer different texts."""
    same_prompt = np.array_equal(ours.prompt_ids, theirs.prompt_ids)
    parts = next((n for n, (a, b) in enumerate(zip(ours.answer, theirs.answer, strict=False)) if a != b), None)
    if parts is None and len(ours.answer) != len(theirs.answer):
        parts = min(len(ours.answer), len(theirs.answer))
    steps = min(len(ours.steps), len(theirs.steps)) if parts is None else min(parts + 1, len(ours.steps), len(theirs.steps))
    length = len(ours.prompt_ids)
    differences = [
        *(_of_prompt(ours, theirs) if same_prompt else ()),
        *(_of_step(ours, theirs, n) for n in range(steps if same_prompt else 0)),
    ]
    known = [(size, place) for place, size in enumerate(differences) if not np.isnan(size)]
    largest, at = max(known, key=lambda found: found[0], default=(float("nan"), None))
    return Difference(
        screen=screen,
        other=other,
        same_prompt=same_prompt,
        num_prompt_tokens=length,
        num_answer_tokens=len(ours.answer),
        largest=float(largest),
        at=at,
        starts=next((place for size, place in known if size > tolerance), None),
        tokens_part_at=None if parts is None else length + parts,
        margin=_margin(ours, parts),
        tolerance=tolerance,
    )


def _of_prompt(ours: Trace, theirs: Trace) -> list[float]:
    return [float(size) for size in np.abs(ours.prompt_logprobs - theirs.prompt_logprobs)]


def _of_step(ours: Trace, theirs: Trace, number: int) -> float:
    if ours.logits is not None and theirs.logits is not None:
        return float(np.abs(ours.logits[number] - theirs.logits[number]).max())
    both = ours.steps[number].keys() & theirs.steps[number].keys()
    return max((abs(ours.steps[number][token] - theirs.steps[number][token]) for token in both), default=float("inf"))


def _margin(ours: Trace, parts: int | None) -> float | None:
    if parts is None or parts >= len(ours.steps):
        return None
    first, second, *_ = ours.steps[parts].values()
    return first - second
