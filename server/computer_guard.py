"""Who may talk to a served computer: whoever knows the token; without one, programs of this machine, but no web page in its browser."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES = 4 * 1024 * 1024
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Guard:
    """ASGI middleware in front of `app`: turns away whoever has no token, and bodies over `max_body_bytes`, before they are read."""

    def __init__(self, app: App, token: str | None, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._token = token
        self._max = max_body_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value for name, value in scope["headers"]}
        refusal = self._refusal(scope["path"], headers)
        if refusal:
            await _refuse(send, *refusal)
        else:
            await self._pass_on(scope, receive, send)

    def _refusal(self, path: str, headers: dict[str, bytes]) -> tuple[HTTPStatus, str] | None:
        if int(headers.get("content-length", b"0") or 0) > self._max:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body may have {self._max} bytes"
        if path == "/health":
            return None
        if self._token is None:
            # A web page can make a browser of this machine call us, under a name that leads here: it cannot hide either of these.
            if "origin" in headers or _host(headers) not in LOOPBACK:
                return HTTPStatus.FORBIDDEN, "without a token only programs of this machine are let in, by the address 127.0.0.1"
            return None
        given = headers.get("authorization", b"").removeprefix(b"Bearer ")
        if not secrets.compare_digest(given, self._token.encode()):
            return HTTPStatus.UNAUTHORIZED, "a token is needed: Authorization: Bearer TOKEN"
        return None

    async def _pass_on(self, scope: Message, receive: Receive, send: Send) -> None:
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max:  # a body of no declared length
                return {"type": "http.disconnect"}
            return message

        await self._app(scope, counted, send)


def _host(headers: dict[str, bytes]) -> str:
    host = headers.get("host", b"").decode("latin-1")
    return host.partition("]")[0].strip("[") if host.startswith("[") else host.partition(":")[0]


async def _refuse(send: Send, status: HTTPStatus, message: str) -> None:
    kind = {HTTPStatus.UNAUTHORIZED: "no_token", HTTPStatus.FORBIDDEN: "no_token"}.get(status, "bad_request")
    body = json.dumps({"error": {"kind": kind, "message": message}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
