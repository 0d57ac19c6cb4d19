"""The contract of an expert: from an instruction, a page and what was done so far to the next thing to do."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from actions.space import Action
from training.experts.page import Page


class Decision(NamedTuple):
    """One step: why, in a few words, and the action."""

    thought: str
    action: Action


class Question(NamedTuple):
    """Another instruction that would make sense on the same page, with a history (earlier thoughts) that fits what the page shows."""

    instruction: str
    history: tuple[str, ...] = ()


class Expert(Protocol):
    """Solves one MiniWoB++ task. Stateless: everything is in the arguments."""

    @property
    def task(self) -> str:
        """The name that MiniWoB++ gives the task."""
        ...

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        """What to do next. `history` holds the thoughts of the steps already done, oldest first.

        Raises:
            LookupError: the page does not hold what the instruction needs.
        """
        ...

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """Other instructions, worded as the task words them, that `decide` could answer on this very page."""
        ...
