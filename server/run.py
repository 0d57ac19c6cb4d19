"""From an application to a process that serves it: the socket, the signals, and a stop that finishes what is in flight."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from server.logs import log
from server.settings import ServerSettings

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

BACKLOG = 512


class AddressTaken(ValueError):
    """The address cannot be listened at; the message says why."""


def listen(host: str, port: int) -> socket.socket:
    """A socket at `host` and `port`; 0 finds a free port.

    Raises:
        AddressTaken: another program is there, or the address is not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        raise AddressTaken(f"cannot listen at {host}, port {port} ({error.strerror or error}): choose another --port or --host") from error
    listener.listen(BACKLOG)
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL at which clients find the server."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: FastAPI, listener: socket.socket, settings: ServerSettings, on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; both let what is in flight finish, a second one does not.

    Raises:
        EngineDidNotStart: there is nothing to serve.
        KeyboardInterrupt: it was Ctrl-C.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # who the client is, is what the connection says
        timeout_keep_alive=30,
        timeout_graceful_shutdown=round(settings.limits.drain_seconds),
        h11_max_incomplete_event_size=64 << 10,
        ws_max_size=1 << 20,
    )
    server = uvicorn.Server(config)
    previous = signal.signal(signal.SIGTERM, lambda number, frame: None)  # uvicorn raises it again once all is done; that is no failure
    try:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_serve(server, listener, app, on_ready))
    finally:
        signal.signal(signal.SIGTERM, previous)
        log("stopped")


class EngineDidNotStart(Exception):
    """The engine ended before it could answer for the first time; it has said why."""


async def _serve(server: uvicorn.Server, listener: socket.socket, app: FastAPI, on_ready: Callable[[], None]) -> None:
    watching = asyncio.create_task(_watch(server, app, on_ready))
    await server.serve(sockets=[listener])
    watching.cancel()
    status = app.state.backend.status()
    if status.condition == "failed":
        raise EngineDidNotStart(f"the engine {status.detail} before it could answer: its own messages are above")


async def _watch(server: uvicorn.Server, app: FastAPI, on_ready: Callable[[], None]) -> None:
    """Say when the engine can answer, log its ups and downs, and leave when it never will."""
    before = ""
    told = False
    while True:
        if server.should_exit:
            app.state.leave()  # what would go on for ever, such as a run that is watched, ends now
        status = app.state.backend.status()
        if status.condition != before:
            before = status.condition
            log("engine", condition=status.condition, detail=status.detail, restarts=status.num_restarts)
        if status.condition == "ok" and not told:
            told = True
            on_ready()
        server.should_exit = server.should_exit or status.condition == "failed"
        await asyncio.sleep(0.1)
