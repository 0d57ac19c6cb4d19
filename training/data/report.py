"""What preparing met: what was learnt from, what was left out on purpose, and what was bad, by file and step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from training.data.exchange import LeftOut, Problem
from training.errors import BadData

OnBadData = Literal["skip", "stop"]


@dataclass(slots=True, kw_only=True)
class Report:
    """Counts, and every problem. `on_bad_data` says whether a problem ends the run; `tell` hears of each as it comes."""

    on_bad_data: OnBadData = "stop"
    tell: Callable[[str], None] = print
    exchanges: int = 0
    samples: int = 0
    tokens: int = 0
    supervised: int = 0
    pictures: int = 0
    longest: int = 0
    problems: list[Problem] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def add_problem(self, problem: Problem) -> None:
        """Keep it, and go on or not.

        Raises:
            BadData: bad data is to stop the run.
        """
        self.problems.append(problem)
        if self.on_bad_data == "stop":
            raise BadData(f"{problem} (to go on without such data: --on-bad-data skip)")
        self.tell(f"left out: {problem}")

    def add_left_out(self, item: LeftOut) -> None:
        self.left_out[item.why] += 1

    def to_json(self) -> dict[str, Any]:
        return {
            "exchanges": self.exchanges,
            "samples": self.samples,
            "tokens": self.tokens,
            "supervised_tokens": self.supervised,
            "longest": self.longest,
            "pictures": self.pictures,
            "problems": [{"source": p.source, "where": p.name, "what": p.what} for p in self.problems],
            "left_out": dict(self.left_out),
        }
