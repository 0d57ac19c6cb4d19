"""The page of a real server over HTTP, in this process: its model is scripted, its runs, screens, hands and episodes are real."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.responses import Response

from inference.engines.base import Engine
from inference.engines.scripted import ScriptedEngine
from inference.families import load_family
from server.app import create_app
from server.backends.base import Status
from server.errors import ApiError
from server.metrics import ServerMetrics
from server.pages import pages_router
from server.pictures import PictureBook
from server.run import listen, url_of
from server.runs_orders import RunRules
from server.settings import Access, Limits, ServerSettings

PATIENCE_SECONDS = 60.0
TOKEN = "a token that is long enough"
Script = list[str]


@dataclass
class ScriptedBackend:
    """Lends a new scripted engine, with the script of the moment, to each run."""

    script: Script = field(default_factory=list)
    seconds: float = 0.0
    kind: str = "scripted"
    model: str = "scripted"
    endpoints: tuple[str, ...] = ()
    engines: list[ScriptedEngine] = field(default_factory=list)

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""

    def status(self) -> Status:
        return Status(condition="ok")

    def engine(self) -> Engine:
        self.engines.append(ScriptedEngine(list(self.script), seconds=self.seconds))
        return self.engines[-1]

    async def answer(self, path: str, body: bytes, data: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
        raise ApiError(501, "scripted")

    async def models(self) -> Mapping[str, Any]:
        return {"object": "list", "data": []}

    async def metrics(self) -> bytes:
        return b""


@dataclass
class PageServer:
    """A server that answers."""

    url: str
    backend: ScriptedBackend
    rules: RunRules
    reports: Path
    stop: Callable[[], None]

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENCE_SECONDS, **options)

    def start(self, client: httpx.Client, script: Script, **order: Any) -> str:
        """A run with `script` as its model; its id."""
        self.backend.script = script
        told = {"task": "type it", "computer": {"kind": "virtual", "width": 640, "height": 400, "program": "terminal"}, **order}
        response = client.post("/runs", json=told)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def wait(self, client: httpx.Client, run: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The run once `until` is true of it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            told: dict[str, Any] = client.get(f"/runs/{run}").json()
            if until(told):
                return told
            time.sleep(0.02)
        raise AssertionError(f"the run is {told}")

    def waiting(self, client: httpx.Client, run: str, number: int = 1) -> dict[str, Any]:
        """The run once it asks its question `number`."""
        return self.wait(client, run, lambda told: bool(told["question"]) and told["question"]["ask"] == number)

    def ended(self, client: httpx.Client, run: str) -> dict[str, Any]:
        """The run once it is over."""
        return self.wait(client, run, lambda told: not told["live"])


@contextmanager
def serving_page(
    folder: Path, *, token: str | None = None, runs: int = 1, program: tuple[str, ...] = (), **rules: Any
) -> Iterator[PageServer]:
    """A server whose page shows the episodes and reports in `folder`, until the block ends."""
    told = RunRules(
        computers=frozenset({"virtual", "miniwob"}),
        programs={"terminal": program} if program else {},
        episodes=folder / "episodes",
        **rules,
    )
    settings = ServerSettings(access=Access(token=token), limits=Limits(runs=runs, drain_seconds=20))
    backend, family = ScriptedBackend(), load_family("uitars-1.5")
    page = pages_router(backend, family, told, num_at_once=runs, reports=folder / "eval")
    pictures = PictureBook(settings.limits, settings.access)
    app = create_app(backend, family, settings, pictures=pictures, metrics=ServerMetrics(), routers=(page.router,), leave=page.leave)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=20))
    listener = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def stop() -> None:
        server.should_exit = True
        page.leave()  # as server.run does
        thread.join()

    try:
        yield PageServer(url=url_of(listener), backend=backend, rules=told, reports=folder / "eval", stop=stop)
    finally:
        stop()
        listener.close()
