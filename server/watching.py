"""The outermost layer: every request gets an id, a line in the log, its place in the counters and, if wanted, a trace.

What goes wrong behind it without a word becomes an error in OpenAI's shape; the traceback goes to the log only.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from server.errors import ApiError
from server.logs import log, request_id
from server.metrics import ServerMetrics
from server.tracing import Tracer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class WatchLayer:
    """Watches every request to `app`."""

    def __init__(self, app: ASGIApp, metrics: ServerMetrics, tracer: Tracer | None) -> None:
        self._app = app
        self._metrics = metrics
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        watched = Watched(send, request_id(headers.get(b"x-request-id", b"").decode("latin-1")))
        scope.setdefault("state", {})["request_id"] = watched.id
        self._metrics.in_flight.inc()
        try:
            if self._tracer:
                with self._tracer.request(scope, watched.id) as span:
                    await self._answer(scope, receive, watched)
                    self._tracer.ended(span, _route(scope), watched.status)
            else:
                await self._answer(scope, receive, watched)
        finally:
            self._metrics.in_flight.dec()
            self._count(scope, watched)

    async def _answer(self, scope: Scope, receive: Receive, watched: Watched) -> None:
        try:
            await self._app(scope, receive, watched.send)
        except Exception:  # noqa: BLE001 - the process boundary: the client gets words and an id, the log the traceback
            log("error", logging.ERROR, exc_info=True, request_id=watched.id, path=scope["path"])
            if watched.status == 0:
                error = ApiError(500, f"the server failed; its log says why, under the request id {watched.id}", code="internal_error")
                await error.response()(scope, receive, watched.send)

    def _count(self, scope: Scope, watched: Watched) -> None:
        route, seconds = _route(scope), time.perf_counter() - watched.began
        self._metrics.requests.labels(route, watched.status or "gone").inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if watched.first_byte is not None:
            self._metrics.first_byte.labels(route).observe(watched.first_byte)
        quiet = route in ("/health", "/metrics") and watched.status == 200
        log(
            "request",
            logging.DEBUG if quiet else logging.INFO,
            request_id=watched.id,
            client=(scope.get("client") or ("?",))[0],
            method=scope["method"],
            route=route,
            status=watched.status or "gone",
            milliseconds=round(1000 * seconds, 1),
        )


class Watched:
    """What was sent of one answer, and when."""

    def __init__(self, send: Send, number: str) -> None:
        self.id = number
        self.status = 0
        self.began = time.perf_counter()
        self.first_byte: float | None = None
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], (b"x-request-id", self.id.encode())]
        elif self.first_byte is None and message.get("body"):
            self.first_byte = time.perf_counter() - self.began
        await self._send(message)


def _route(scope: dict[str, Any] | Scope) -> str:
    """The route's pattern, never the client's path: a label for every made-up path would fill the memory."""
    route = scope.get("route")
    return str(getattr(route, "path", "other"))
