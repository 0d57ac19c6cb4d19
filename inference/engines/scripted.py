"""The scripted engine: answers from a list or a function, always the same. Tests, docs and demos run on it without a model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from inference.engines.base import ChatRequest, EngineError, Reply

Script = Sequence[str] | Callable[[ChatRequest], str]


class ScriptedEngine:
    """Gives `replies` in order, or whatever the function `replies` makes of the request. Keeps every request it was asked in `requests`.

    `dies_at` is the number of the request, counted from 1, at which the engine dies and stays dead.
    """

    def __init__(self, replies: Script, *, name: str = "scripted", dies_at: int | None = None, seconds: float = 0.0) -> None:
        self.name = name
        self.requests: list[ChatRequest] = []
        self._replies = replies
        self._dies_at = dies_at
        self._seconds = seconds
        self._interrupted = threading.Event()

    def chat(self, request: ChatRequest) -> Reply:
        started = time.perf_counter()
        self.requests.append(request)
        self._check_alive()
        self._interrupted.clear()
        if self._seconds and self._interrupted.wait(self._seconds):
            return Reply(text="", finish_reason="interrupted", seconds=time.perf_counter() - started)
        text = _cut(self._next(request), request.stop)
        return Reply(
            text=text,
            num_prompt_tokens=sum(len(part.split()) for message in request.messages for part in message.content if isinstance(part, str)),
            num_completion_tokens=len(text.split()),
            seconds=time.perf_counter() - started,
        )

    def stream(self, request: ChatRequest) -> Iterator[str]:
        yield from self.chat(request).text.splitlines(keepends=True)

    def interrupt(self) -> None:
        """End an answer that is being waited for."""
        self._interrupted.set()

    def close(self) -> None:
        """Nothing is held."""

    def _check_alive(self) -> None:
        if self._dies_at is not None and len(self.requests) >= self._dies_at:
            raise EngineError(f"the scripted engine {self.name!r} was told to die at request {self._dies_at}")

    def _next(self, request: ChatRequest) -> str:
        if callable(self._replies):
            return self._replies(request)
        asked, known = len(self.requests), len(self._replies)
        if asked > known:
            raise EngineError(f"the script of {self.name!r} has {known} replies, and this is request {asked}: make the script longer")
        return self._replies[asked - 1]


def _cut(text: str, stop: tuple[str, ...]) -> str:
    """`text` up to the first stop string, which is left out as vLLM leaves it out."""
    ends = [at for at in (text.find(word) for word in stop) if at >= 0]
    return text[: min(ends)] if ends else text
