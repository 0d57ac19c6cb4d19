"""An OSWorld-style server for one display, for tests: it does whatever it is told, as the real ones do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from agent.capture import Capture


class OsWorldTestServer:
    """`GET /screenshot` and `POST /execute`, after desktop_env/server/main.py of OSWorld."""

    def __init__(self, display: str) -> None:
        self.commands: list[list[str]] = []
        environment = {**os.environ, "DISPLAY": display, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        commands, grabbing = self.commands, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path != "/screenshot":
                    self._reply(404, b"{}")
                    return
                with grabbing:
                    capture = Capture(display)
                    png = capture.grab().png
                    capture.close()
                self._reply(200, png, "image/png")

            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path != "/execute" or told["shell"]:
                    self._reply(404, b"{}")
                    return
                commands.append(told["command"])
                try:
                    done = subprocess.run(told["command"], env=environment, capture_output=True, text=True, timeout=120, check=False)
                except OSError as error:
                    self._reply(500, json.dumps({"status": "error", "message": str(error)}).encode())
                    return
                answer = {"status": "success", "output": done.stdout, "error": done.stderr, "returncode": done.returncode}
                self._reply(200, json.dumps(answer).encode())

            def _reply(self, status: int, body: bytes, kind: str = "application/json") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
