"""The two calls that we make of an OSWorld-style server: what the screen shows, and a Python program to run."""

from __future__ import annotations

from typing import Any

import httpx

from actions.errors import CannotPerform, DisplayGone

CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 130.0  # the server gives a program 120 s
INTERPRETERS = ("python", "python3")


class OsWorldServer:
    """The server at `url`. Any thread may call it.

    Raises:
        DisplayGone: from any method, when the server does not answer, or not as such a server does.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        self._client = httpx.Client(base_url=url.rstrip("/"), timeout=timeout, trust_env=False)
        self._interpreter = ""

    def screenshot(self) -> bytes:
        """The screen as PNG."""
        return self._answered(self._send("GET", "/screenshot")).content

    def run(self, script: str) -> None:
        """Run a Python program there.

        Raises:
            CannotPerform: the program says why it could not do its work.
        """
        for interpreter in (self._interpreter,) if self._interpreter else INTERPRETERS:
            answer = self._send("POST", "/execute", {"command": [interpreter, "-c", script], "shell": False})
            if answer.status_code == 500 and not self._interpreter:  # there is no program of that name
                continue
            _check(self._answered(answer), self.url)
            self._interpreter = interpreter
            return
        raise DisplayGone(f"the server at {self.url} could not run Python: {answer.text[:200]}")

    def _send(self, method: str, path: str, body: object = None) -> httpx.Response:
        try:
            return self._client.request(method, path, json=body)
        except (httpx.TransportError, RuntimeError) as error:  # httpx says it with the latter that the client is closed
            raise DisplayGone(f"the server at {self.url} cannot be reached: {str(error) or type(error).__name__}") from error

    def _answered(self, answer: httpx.Response) -> httpx.Response:
        if not answer.is_success:
            raise DisplayGone(f"the server at {self.url} answers {answer.url.path} with HTTP {answer.status_code}: {answer.text[:200]}")
        return answer

    def close(self) -> None:
        self._client.close()


def _check(answer: httpx.Response, url: str) -> None:
    """What the program said, where it failed."""
    try:
        told: dict[str, Any] = answer.json()
        failed, said = bool(told.get("returncode", 0)), str(told.get("error") or told.get("output") or "")
    except (ValueError, AttributeError) as error:
        raise DisplayGone(f"{url} does not answer as an OSWorld server does") from error
    if failed:
        last = said.strip().splitlines()[-1:] or ["it did not say why"]
        raise CannotPerform(f"the machine could not do it: {last[0][:300]}")
