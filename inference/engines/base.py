"""The contract of an engine: a `ChatRequest` in, a `Reply` out, whole or streamed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Role = Literal["system", "user", "assistant"]
Pixels = npt.NDArray[np.uint8]


@runtime_checkable
class ImageSource(Protocol):
    """A picture that an in-process engine reads as pixels and a remote one as PNG; each form is made at most once."""

    @property
    def rgb(self) -> Pixels:
        """Pixels `[H, W, 3]`, uint8."""
        ...

    @property
    def png(self) -> bytes:
        """The same pixels, losslessly encoded."""
        ...

    @property
    def sha256(self) -> str:
        """Hex digest of the pixels and their size; equal pictures have equal digests."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One chat message: text and pictures in the order in which the model reads them."""

    role: Role
    content: tuple[str | ImageSource, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """What to ask. `temperature` 0 is greedy. Option names are vLLM's."""

    messages: tuple[Message, ...]
    max_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back, and what it cost. `num_cached_tokens` of the prompt were not computed again."""

    text: str
    num_prompt_tokens: int = 0
    num_cached_tokens: int = 0
    num_completion_tokens: int = 0
    finish_reason: str = "stop"
    seconds: float = 0.0
    first_token_seconds: float | None = None
    extra: dict[str, object] = field(default_factory=dict)


@runtime_checkable
class Interruptible(Protocol):
    """An engine whose answer can be cut short; what has come by then is the reply, with the `finish_reason` "interrupted"."""

    def interrupt(self) -> None:
        """End the answer that is being given, soon; nothing happens where none is. Safe to call from any thread."""
        ...


class EngineError(Exception):
    """The model cannot be reached or died; the message says which one and what to do."""


class Engine(Protocol):
    """Anything that answers chat requests."""

    @property
    def name(self) -> str:
        """The model's name, as recorded in episodes."""
        ...

    def chat(self, request: ChatRequest) -> Reply:
        """The whole answer.

        Raises:
            EngineError: the model cannot be reached, refused the request or died.
        """
        ...

    def stream(self, request: ChatRequest) -> Iterator[str]:
        """The answer in pieces as they come; joined they equal `chat(request).text`."""
        ...

    def close(self) -> None:
        """Free the model or the connection. Safe to call twice."""
        ...


def run_out(answer: Generator[str, None, Reply]) -> Reply:
    """The reply at the end of an answer that nobody wants in pieces."""
    while True:
        try:
            next(answer)
        except StopIteration as end:
            reply: Reply = end.value
            return reply
