"""One engine that answers one request at a time, shared by several: each has a seat of its own, and may only interrupt its own answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from inference.engines.base import ChatRequest, Engine, Interruptible, Reply


class Table:
    """Who shares `engine`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.turn = threading.Lock()
        self.speaking: Seat | None = None

    def seat(self) -> Seat:
        """A place for one more."""
        return Seat(self)


class Seat:
    """An engine that waits for its turn."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._unwanted = threading.Event()
        self._guard = threading.Lock()

    @property
    def name(self) -> str:
        return self._table.engine.name

    def chat(self, request: ChatRequest) -> Reply:
        self._unwanted.clear()
        with self._table.turn:
            with self._guard:
                if self._unwanted.is_set():  # the screen changed while others were answered
                    return Reply(text="", finish_reason="interrupted")
                self._table.speaking = self
            try:
                return self._table.engine.chat(request)
            finally:
                with self._guard:
                    self._table.speaking = None

    def stream(self, request: ChatRequest) -> Iterator[str]:
        yield self.chat(request).text

    def interrupt(self) -> None:
        """End this seat's answer, or its wait for one."""
        with self._guard:
            self._unwanted.set()
            if self._table.speaking is self and isinstance(self._table.engine, Interruptible):
                self._table.engine.interrupt()

    def close(self) -> None:
        """The engine is the table's to close."""
