"""Responses that follow an engine: sent as they come, ended when the client leaves, and ended in words when the engine does.

Plain ASGI: a token costs one `send`, and nothing of a framework.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.errors import ApiError

EVENT_STREAM = {"content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no"}
DONE = b"data: [DONE]\n\n"


def event(data: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


class Head(NamedTuple):
    """Status and headers, where they are not those of an event stream."""

    status: int
    headers: Mapping[str, str]


class Streamed(Response):
    """An answer as it comes: `chunks` gives a `Head`, where one is needed, and bytes.

    It may raise `ApiError`: before the first byte that is the answer, after it the stream's last event. When the client leaves,
    `leave` is called and `chunks` is closed.
    """

    def __init__(self, chunks: AsyncIterator[Head | bytes], leave: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._chunks = chunks
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send(scope, receive, send))
        watching = asyncio.ensure_future(gone(receive))
        try:
            await asyncio.wait((sending, watching), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            if not sending.done():
                self._leave()
                sending.cancel()
                with suppress(asyncio.CancelledError):
                    await sending
        if not sending.cancelled():
            sending.result()

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = Head(200, EVENT_STREAM)
        begun = False
        try:
            async for chunk in self._chunks:
                if isinstance(chunk, Head):
                    head = chunk
                    continue
                if not begun:
                    begun = True
                    await send(_start(head))
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except ApiError as error:
            if not begun:
                await error.response()(scope, receive, send)
                return
            await send({"type": "http.response.body", "body": event(error.body) + DONE, "more_body": False})
            return
        if not begun:
            await send(_start(head))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _start(head: Head) -> dict[str, Any]:
    headers = [(name.encode(), value.encode()) for name, value in head.headers.items()]
    return {"type": "http.response.start", "status": head.status, "headers": headers}


async def gone(receive: Receive) -> None:
    """Until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
