"""One answer as it grows: its tokens, its text, why it ended, and what it cost."""

from __future__ import annotations

import time
from collections.abc import Set
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.engines.base import ChatRequest, Reply
from inference.vlm.prompt import Ids
from inference.vlm.sampling import Sampler
from inference.vlm.wording import Wording

if TYPE_CHECKING:
    import torch


class Answer:
    """Grows by `take` until `ended`; what `take` and `rest` return, joined, is its text. `started` is when it was asked for."""

    def __init__(self, request: ChatRequest, *, tokenizer: Any, end_ids: Set[int], max_tokens: int, started: float) -> None:
        self._started = started
        self._first_token_seconds: float | None = None
        self._sampler = Sampler(request)
        self._wording = Wording(tokenizer, request.stop)
        self._end_ids = end_ids
        self._max_tokens = max_tokens
        self._tokens: list[int] = []
        self._pieces: list[str] = []
        self._finish_reason: str | None = None

    @property
    def ended(self) -> bool:
        return self._finish_reason is not None

    @property
    def last(self) -> int:
        return self._tokens[-1]

    @property
    def read_ids(self) -> Ids:
        """The tokens that the network has read back: all but the last, which was only picked."""
        return np.asarray(self._tokens[:-1], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._tokens)

    def take(self, logits: torch.Tensor) -> str:
        """Pick the next token; returns the text that is certain by it, often none."""
        return self.accept(self._sampler.pick(logits))

    @property
    def takes_the_likeliest(self) -> bool:
        """Whether the next token is simply the most likely one, so that a whole batch can be picked at once."""
        return self._sampler.takes_the_likeliest

    def accept(self, token: int) -> str:
        """Go on with `token`, which was picked already."""
        self._tokens.append(token)
        if self._first_token_seconds is None:
            self._first_token_seconds = time.perf_counter() - self._started
        if token in self._end_ids:
            self.end("stop")
            return ""
        piece = self._say(self._wording.add(token))
        if self._wording.stopped:
            self.end("stop")
        elif len(self) >= self._max_tokens:
            self.end("length")
        return piece

    def end(self, finish_reason: str) -> None:
        self._finish_reason = finish_reason

    def rest(self) -> str:
        """What was held back: half a character, or what might have become a stop string."""
        return self._say(self._wording.finish())

    def reply(self, *, num_prompt_tokens: int, num_cached_tokens: int) -> Reply:
        return Reply(
            text="".join(self._pieces),
            num_prompt_tokens=num_prompt_tokens,
            num_cached_tokens=num_cached_tokens,
            num_completion_tokens=len(self),
            finish_reason=self._finish_reason or "stop",
            seconds=time.perf_counter() - self._started,
            first_token_seconds=self._first_token_seconds,
        )

    def _say(self, piece: str) -> str:
        self._pieces.append(piece)
        return piece
