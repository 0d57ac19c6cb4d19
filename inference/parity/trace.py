"""What one way of running a model made of a screen, in numbers that every way can give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from inference.parity.screens import Screen

NUM_TOP = 20  # vLLM gives as many at most, unless it is told otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """`prompt_ids` `[T]`; `prompt_logprobs` `[T]`, of each token given those before it, NaN for the first; `answer` `[n]` is greedy.

    `steps` are the likeliest tokens at each step of the answer and their log-probabilities; `logits` `[n, V]` where the way has them.
    """

    prompt_ids: npt.NDArray[np.int64]
    prompt_logprobs: npt.NDArray[np.float32]
    answer: tuple[int, ...]
    steps: tuple[dict[int, float], ...]
    logits: npt.NDArray[np.float32] | None = None


class Way(Protocol):
    """A way of running a model."""

    name: str

    def run(self, screen: Screen, max_tokens: int) -> Trace: ...

    def close(self) -> None: ...


def top(logprobs: npt.NDArray[np.float32]) -> dict[int, float]:
    """The likeliest tokens of `[V]` log-probabilities, the likeliest first."""
    chosen = np.argsort(-logprobs, kind="stable")[:NUM_TOP]
    return {int(token): float(logprobs[token]) for token in chosen}
