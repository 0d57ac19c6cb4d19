"""The events of a run: numbered from 1, kept from the first, and told in order to whoever listens, however late they come."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

HEARTBEAT_SECONDS = 15.0  # proxies and phones drop connections that are silent


class Broadcast:
    """Told from the run's thread, followed in the server's loop."""

    def __init__(self) -> None:
        self._events: list[bytes] = []
        self._ended = False
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()

    def tell(self, kind: str, data: Any, *, last: bool = False) -> None:
        """One more event; nothing comes after the `last`."""
        with self._lock:
            if self._ended:
                return
            number = len(self._events) + 1
            self._events.append(f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode())
            self._ended = last
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener.wake()

    async def follow(self, after: int = 0) -> AsyncIterator[bytes]:
        """Every event with a number above `after`, as server-sent events, until the last."""
        listener = Listener(asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(listener)
        try:
            yield b"retry: 1000\n\n"  # opens the stream at once
            at = max(0, after)
            while True:
                with self._lock:
                    news, ended = self._events[at:], self._ended
                if news:
                    yield b"".join(news)
                    at += len(news)
                if ended:
                    return
                if not await listener.awake(HEARTBEAT_SECONDS):
                    yield b": still here\n\n"
        finally:
            with self._lock:
                self._listeners.discard(listener)


class Listener:
    """Somebody in the loop, who can be woken from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()

    def wake(self) -> None:
        if not self._loop.is_closed():  # a server that is torn down
            self._loop.call_soon_threadsafe(self._event.set)

    async def awake(self, seconds: float) -> bool:
        """Whether something woke it within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True
