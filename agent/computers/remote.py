"""A computer on another machine, served there by `deftly computer serve`: looks and acts over HTTP, and shows signs of life meanwhile."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

from actions.geometry import Geometry
from actions.space import Action, Wait
from actions.wire import action_from_json, action_to_json
from agent.computers.base import Outcome
from agent.endings import ActionRefused, DisplayLost, Stopped
from agent.screenshot import Screenshot

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 120.0  # a long text takes a while; a server that died is known at once
SIGNS_IN_A_LEASE = 4
POLL_SECONDS = 0.05


class RemoteAddressError(ValueError):
    """What should be the address of a served computer is none."""


class RemoteComputer:
    """The computer that `deftly computer serve` offers at `url`; `token` is the one that it was given.

    It is held by one client at a time. `stop` is the kill switch: once it is set, the hands over there do nothing more.

    Raises:
        RemoteAddressError: `url` is no address.
        DisplayLost: there is no such server, it does not let us in, or another client holds the computer.
    """

    def __init__(self, url: str, *, token: str | None = None, stop: threading.Event | None = None) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise RemoteAddressError(f"{url!r} is no address of a computer: it looks like http://HOST:PORT")
        self._url = url
        self._stop = stop or threading.Event()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        # Not through a proxy: what is seen on a screen and typed into it is nobody else's.
        self._client = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout, trust_env=False)
        self._closed = threading.Event()
        try:
            told = self._ask("POST", "/session")
            self._session = f"/session/{told['session']}"
            self._geometry = self._look().geometry
        except BaseException:
            self._client.close()
            raise
        self._life = threading.Thread(target=self._show_signs, args=(told["lease_seconds"] / SIGNS_IN_A_LEASE,), name="life", daemon=True)
        self._life.start()

    @property
    def geometry(self) -> Geometry:
        return self._geometry

    def screenshot(self) -> Screenshot:
        seen = self._look()
        self._geometry = seen.geometry
        return seen

    def perform(self, action: Action) -> Outcome:
        if self._stop.is_set():
            raise Stopped("told to stop")
        seconds = ANSWER_SECONDS + (action.seconds if isinstance(action, Wait) else 0)
        told = self._ask("POST", f"{self._session}/perform", {"action": action_to_json(action)}, seconds)
        return Outcome(action=action_from_json(told["action"]), seconds=float(told["seconds"]), note=str(told["note"]))

    def stale(self, seen: Screenshot, actions: tuple[Action, ...]) -> str | None:
        body = {"sha256": seen.sha256, "actions": [action_to_json(action) for action in actions]}
        reason = self._ask("POST", f"{self._session}/stale", body)["reason"]
        return None if reason is None else str(reason)

    def release_all(self) -> None:
        self._ask("POST", f"{self._session}/release")

    def close(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        self._life.join()
        with suppress(DisplayLost):  # gone, and with it whatever was held
            self._ask("DELETE", self._session)
        self._client.close()

    def __enter__(self) -> RemoteComputer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _look(self) -> Screenshot:
        answer = self._send("GET", f"{self._session}/screenshot")
        try:
            about = json.loads(answer.headers["Deftly-Screenshot"])
            return Screenshot.from_png(
                answer.content, Geometry(**about["geometry"]), about["taken_at"], about["condition"], sha256=about["sha256"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DisplayLost(f"{self._url} does not answer as a Deftly computer does: {error}") from error

    def _ask(self, method: str, path: str, body: object = None, seconds: float = ANSWER_SECONDS) -> Any:
        answer = self._send(method, path, body, seconds)
        try:
            return answer.json()
        except ValueError as error:
            raise DisplayLost(f"{self._url} does not answer as a Deftly computer does") from error

    def _send(self, method: str, path: str, body: object = None, seconds: float = ANSWER_SECONDS) -> httpx.Response:
        try:
            answer = self._client.request(method, path, json=body, timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS))
        except (httpx.TransportError, RuntimeError) as error:  # httpx says it with the latter that the client is closed
            raise DisplayLost(f"the computer at {self._url} cannot be reached: {str(error) or type(error).__name__}") from error
        if answer.is_success:
            return answer
        raise _error(answer, self._url)

    def _show_signs(self, every: float) -> None:
        """Every few seconds, in a thread of its own; and at once when the kill switch is set."""
        stopped, due = False, time.monotonic() + every
        while not self._closed.wait(POLL_SECONDS):
            halt = self._stop.is_set() and not stopped
            if not halt and time.monotonic() < due:
                continue
            stopped, due = stopped or halt, time.monotonic() + every
            with suppress(DisplayLost, Stopped):  # whoever looks or acts next will notice, and say so
                self._ask("POST", f"{self._session}/stop") if halt else self._ask("PUT", self._session)


def _error(answer: httpx.Response, url: str) -> Exception:
    """What the server says is wrong, as what this side raises for it."""
    try:
        told = answer.json()["error"]
        kind, message = str(told["kind"]), str(told["message"])
    except (ValueError, KeyError, TypeError):
        return DisplayLost(f"{url} does not answer as a Deftly computer does: HTTP {answer.status_code}")
    match kind:
        case "action_refused":
            return ActionRefused(message)
        case "stopped":
            return Stopped(message)
        case "bad_request":
            return ActionRefused(f"the computer at {url} does not understand it: {message}")
    return DisplayLost(f"the computer at {url}: {message}")
