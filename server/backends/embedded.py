"""The embedded backend: our own engine in this process, many requests at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from inference.engines.base import Engine, EngineError, Reply
from inference.serving.engine import BatchingEngine
from inference.serving.ticket import Event
from server.backends.base import Status
from server.chat_schema import ChatBody, Completion, chat_request, model_not_found, read_chat
from server.errors import ApiError
from server.metrics import ServerMetrics, render_engine
from server.pictures import PictureBook
from server.streams import DONE, Head, Streamed, event

if TYPE_CHECKING:
    from starlette.responses import Response


class EmbeddedBackend:
    """Serves `engine`, which is the backend's to close, under `name`."""

    kind = "embedded"
    endpoints: tuple[str, ...] = ("chat/completions",)

    def __init__(self, engine: BatchingEngine, pictures: PictureBook, metrics: ServerMetrics, name: str | None = None) -> None:
        self.model = name or engine.name
        self._engine = engine
        self._pictures = pictures
        self._metrics = metrics
        self._stopping = False

    async def start(self) -> None:
        """Nothing to wait for: the model is loaded."""

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.to_thread(self._engine.close)

    def status(self) -> Status:
        return Status(condition="stopping" if self._stopping else "ok")

    def engine(self) -> Engine:
        return self._engine.desk()

    async def answer(self, path: str, body: bytes, data: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
        chat = read_chat(dict(data))
        if chat.model is not None and chat.model != self.model:
            raise model_not_found(chat.model, self.model)
        request = await asyncio.to_thread(chat_request, chat, self._pictures)
        heard = Heard(asyncio.get_running_loop())
        try:
            ticket = self._engine.submit(request, heard.tell)
        except EngineError as error:
            raise ApiError(503, str(error), code="engine_unavailable", retry_after=2) from error
        completion = Completion(self.model)
        chunks = self._chunks(heard, completion, chat) if chat.stream else self._whole(heard, completion)
        return Streamed(chunks, leave=ticket.cancel)

    async def models(self) -> Mapping[str, Any]:
        about = {"id": self.model, "object": "model", "created": 0, "owned_by": "deftly", "max_model_len": self._engine.max_length}
        return {"object": "list", "data": [about]}

    async def metrics(self) -> bytes:
        return render_engine(self._engine.stats())

    async def _chunks(self, heard: Heard, completion: Completion, chat: ChatBody) -> AsyncIterator[Head | bytes]:
        begun = False
        async for told in heard.events():
            if not begun:
                begun = True
                yield event(completion.first())
            if isinstance(told, str):
                yield event(completion.piece(told))
            else:
                self._metrics.answered(told)
                usage = event(completion.usage(told)) if chat.stream_options and chat.stream_options.include_usage else b""
                yield event(completion.last(told)) + usage + DONE

    async def _whole(self, heard: Heard, completion: Completion) -> AsyncIterator[Head | bytes]:
        async for told in heard.events():
            if isinstance(told, Reply):
                self._metrics.answered(told)
                body = json.dumps(completion.whole(told), ensure_ascii=False).encode()
                yield Head(200, {"content-type": "application/json", "content-length": str(len(body))})
                yield body


class Heard:
    """What the engine's threads say, heard in the server's loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    def tell(self, told: Event) -> None:
        """Called from the engine's threads; the loop may be gone when a server is torn down."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._events.put_nowait, told)

    async def events(self) -> AsyncIterator[str | Reply]:
        """Pieces, then the reply.

        Raises:
            ApiError: the engine refused the request, or failed.
        """
        while True:
            told = await self._events.get()
            if isinstance(told, EngineError):
                raise engine_refusal(told) from told
            yield told
            if isinstance(told, Reply):
                return


def engine_refusal(error: EngineError) -> ApiError:
    """What the engine says is wrong with a request is the client's to mend; that it failed is not."""
    words = str(error)
    if "failed in the middle" in words or "is closed" in words:
        return ApiError(503, words, code="engine_error", retry_after=2)
    code = "context_length_exceeded" if "reads" in words and "at most" in words else "invalid_value"
    return ApiError(400, words, code=code, param="messages")
