"""A real HTTP server that answers chat requests the way its script says, faults included."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    """Gives the answers of `script` in order; the last one again and again. `asked` holds what came in."""

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, script: list[Answer], models: list[str], owner: str = "tests") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.models = models
        self.owner = owner
        self.asked: list[dict[str, Any]] = []
        self.headers_seen: list[dict[str, str]] = []
        self.num_asked = 0
        self.over = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is none of our business."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.headers_seen.append(dict(self.headers))
        owner = self.server.owner
        self.send_body(200, {"object": "list", "data": [{"id": name, "object": "model", "owned_by": owner} for name in self.server.models]})

    def do_POST(self) -> None:
        self.server.headers_seen.append(dict(self.headers))
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer = self.server.script[min(self.server.num_asked, len(self.server.script) - 1)]
        self.server.num_asked += 1
        answer(self)

    def send_body(self, status: int, body: object, content_type: str = "application/json", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()

    def event(self, data: object) -> None:
        # Raw UTF-8, as vLLM sends it.
        self.wfile.write(b"data: " + (data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()) + b"\n\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def says(*pieces: str, finish_reason: str = "stop", usage: dict[str, object] | None = None) -> Answer:
    """A whole streamed answer."""

    def answer(handler: Handler) -> None:
        handler.begin_stream()
        handler.wfile.write(b": keep-alive\n\n")
        for piece in pieces:
            handler.event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
        handler.event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
        if usage is not None:
            handler.event({"choices": [], "usage": usage})
        handler.event(b"[DONE]")
        handler.close_connection = True

    return answer


def says_whole(text: str) -> Answer:
    """An answer that is not streamed, over several lines of JSON."""
    body = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 7}}
    return lambda handler: handler.send_body(200, json.dumps(body, indent=2).encode())


def refuses(status: int, body: object, **headers: str) -> Answer:
    return lambda handler: handler.send_body(status, body, **headers)


def garbage(handler: Handler) -> None:
    handler.send_body(200, b"<html>Welcome to nginx</html>", content_type="text/html")


def dies_after(piece: str) -> Answer:
    """Begins an answer and breaks the connection."""

    def answer(handler: Handler) -> None:
        handler.begin_stream()
        handler.event({"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
        # Linger 0: the connection is reset, as when a process is killed.
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.shutdown(socket.SHUT_RDWR)

    return answer


def stops_short(piece: str) -> Answer:
    """Ends the stream in good order, but before the answer ended."""

    def answer(handler: Handler) -> None:
        handler.begin_stream()
        handler.event({"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
        handler.close_connection = True

    return answer


def fails_after(piece: str, error: dict[str, object]) -> Answer:
    """An error as an event in the middle of an answer, as vLLM sends it when its engine dies."""

    def answer(handler: Handler) -> None:
        handler.begin_stream()
        handler.event({"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
        handler.event({"error": error})
        handler.close_connection = True

    return answer


def hangs(handler: Handler) -> None:
    handler.begin_stream()
    handler.server.over.wait(60)
    handler.close_connection = True


@contextmanager
def serving(*script: Answer, models: tuple[str, ...] = ("tiny", "other"), owner: str = "tests") -> Iterator[Server]:
    """A server on a free port, gone when the block ends."""
    server = Server(list(script), list(models), owner)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
