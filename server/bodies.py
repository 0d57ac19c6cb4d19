"""Request bodies: read in full before anything else looks at them, within limits of bytes, time and number.

A body that never ends, never comes, or is one of too many, costs no more than its limit, whichever route it was sent to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from server.errors import ApiError, invalid
from server.settings import Limits

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLayer:
    """Reads bodies for the application behind it, and turns away those that are too large, too slow or too many."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self.num_requests = 0
        self.num_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        try:
            with self._admitted(scope) as admitted:
                body = await self._read(scope, receive, admitted)
                await self._app(scope, _replaying(body, receive), send)
        except ApiError as error:
            await error.response()(scope, receive, send)

    @contextmanager
    def _admitted(self, scope: Scope) -> Iterator[list[int]]:
        """One of the requests in flight; what is yielded counts its bytes."""
        if self.num_requests >= self._limits.requests:
            raise ApiError(
                429,
                f"{self._limits.requests} requests are being answered already: ask again later",
                code="too_many_requests",
                retry_after=1,
            )
        mine = [0]
        self.num_requests += 1
        try:
            yield mine
        finally:
            self.num_requests -= 1
            self.num_bytes -= mine[0]

    async def _read(self, scope: Scope, receive: Receive, mine: list[int]) -> bytes:
        self._check_length(scope)
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ApiError(400, "the connection closed before the body was there", code="client_gone")
                    chunk = message.get("body", b"")
                    mine[0] += len(chunk)
                    self.num_bytes += len(chunk)
                    self._check_bytes(mine[0])
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return b"".join(chunks)
        except TimeoutError:
            raise ApiError(408, f"the body did not arrive within {self._limits.body_seconds:g} s", code="body_too_slow") from None

    def _check_length(self, scope: Scope) -> None:
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        if lengths and lengths[0].isdigit():
            self._check_bytes(int(lengths[0]))

    def _check_bytes(self, size: int) -> None:
        if size > self._limits.body_bytes:
            raise ApiError(
                413, f"the body is larger than {self._limits.body_bytes} bytes: send fewer or smaller images", code="body_too_large"
            )
        if self.num_bytes > self._limits.all_bodies_bytes:
            raise ApiError(429, "the requests in flight are too large together: ask again later", code="too_many_bytes", retry_after=1)


def _replaying(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives `body`, then what the connection gives."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def read_json(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`.

    Raises:
        ApiError: it is none.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:  # the latter for brackets thousands deep
        raise invalid(f"the body is not JSON: {str(error)[:200]}", code="invalid_json") from error
    if not isinstance(data, dict):
        raise invalid("the body must be a JSON object", code="invalid_json")
    return data
