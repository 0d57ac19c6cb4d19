"""The serving engine as one of its users has it."""

from __future__ import annotations

import queue
from collections.abc import Generator
from typing import TYPE_CHECKING

from inference.engines.base import ChatRequest, EngineError, Reply, run_out
from inference.serving.ticket import Event, Ticket

if TYPE_CHECKING:
    from inference.serving.engine import BatchingEngine


class Desk:
    """The engine as one of its users has it: `interrupt` ends the answers of this desk only, and `close` leaves the engine open."""

    def __init__(self, engine: BatchingEngine) -> None:
        self.name = engine.name
        self._engine = engine
        self._tickets: set[Ticket] = set()

    def chat(self, request: ChatRequest) -> Reply:
        return run_out(self.stream(request))

    def stream(self, request: ChatRequest) -> Generator[str, None, Reply]:
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        ticket = self._engine.submit(request, events.put)
        self._tickets.add(ticket)
        try:
            while True:
                event = events.get()
                if isinstance(event, Reply):
                    return event
                if isinstance(event, EngineError):
                    raise event
                yield event
        finally:
            ticket.cancel()
            self._tickets.discard(ticket)

    def interrupt(self) -> None:
        for ticket in tuple(self._tickets):
            ticket.cancel()

    def close(self) -> None:
        self.interrupt()
