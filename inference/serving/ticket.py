"""One request on its way through the engine: what was asked, how far its reading is, its answer, and who hears of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from inference.engines.base import ChatRequest, EngineError, Reply
from inference.vlm.answer import Answer
from inference.vlm.memory import Recalled
from inference.vlm.prompt import Prompt

Event = str | Reply | EngineError  # a piece of the answer; its end, with what it cost; or what went wrong
Listener = Callable[[Event], None]


class Ticket:
    """`listener` hears pieces, then one `Reply` or one `EngineError`, from the engine's threads. `cancel` may be called from any thread."""

    def __init__(self, request: ChatRequest, listener: Listener) -> None:
        self.request = request
        self.started = time.perf_counter()
        self.cancelled = False
        self.prompt: Prompt
        self.recalled: Recalled
        self.answer: Answer
        self.num_read = 0  # tokens of the prompt that are in the cache
        self.num_cached = 0
        self._listener = listener
        self._told_end = False

    @property
    def position(self) -> int:
        """The position of the last token of the answer, which is read next."""
        return self.prompt.next_position + len(self.answer) - 1

    @property
    def ended(self) -> bool:
        """Whether the listener has heard the last of it."""
        return self._told_end

    def cancel(self) -> None:
        """Nobody waits any more: the answer ends at its next token."""
        self.cancelled = True

    def say(self, piece: str) -> None:
        if piece:
            self._listener(piece)

    def finish(self) -> None:
        """Say what was held back, and what it cost."""
        self.say(self.answer.rest())
        self._end(self.answer.reply(num_prompt_tokens=len(self.prompt.ids), num_cached_tokens=self.num_cached))

    def give_up(self) -> None:
        """End an answer that never began."""
        seconds = time.perf_counter() - self.started
        self._end(Reply(text="", finish_reason="interrupted", seconds=seconds))

    def fail(self, error: EngineError) -> None:
        self._end(error)

    def _end(self, event: Reply | EngineError) -> None:
        if not self._told_end:
            self._told_end = True
            self._listener(event)
