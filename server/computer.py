"""A computer over HTTP: look, act, say what changed, let go; the other end is `agent.computers.remote`.

    POST   /session                    take it; one client at a time
    PUT    /session/ID                 a sign of life
    DELETE /session/ID                 give it back
    GET    /session/ID/screenshot      a PNG; what else there is to know about it is in its headers
    POST   /session/ID/perform         {"action": …} as in actions.wire
    POST   /session/ID/stale           {"sha256": of the screenshot, "actions": […]}
    POST   /session/ID/release         release what is held
    POST   /session/ID/stop            end at once what is being done
    GET    /health                     whether it is in use; needs no token

An error is {"error": {"kind", "message"}}.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from actions.wire import WireError, action_from_json, action_to_json
from agent.computers.base import Computer
from agent.endings import ActionRefused, DisplayLost, Stopped
from agent.screenshot import Screenshot
from server.computer_guard import Guard
from server.computer_lease import InUse, Lease, NoSession, held_by

LEASE_SECONDS = 10.0
REMEMBERED = 4  # screenshots that `stale` can be asked about
MAX_ACTIONS = 100
ERRORS: dict[type[Exception], tuple[str, int]] = {
    WireError: ("bad_request", 422),
    RequestValidationError: ("bad_request", 422),
    InUse: ("in_use", 409),
    NoSession: ("no_session", 410),
    ActionRefused: ("action_refused", 409),
    Stopped: ("stopped", 409),
    DisplayLost: ("display_lost", 503),
}
Json = dict[str, Any]


def computer_app(computer: Computer, stop: threading.Event, *, token: str | None, lease_seconds: float = LEASE_SECONDS) -> FastAPI:
    """The application that serves `computer`, which was opened with the kill switch `stop` and is its owner's to close.

    A client that gives no sign of life for `lease_seconds` has lost the computer, and what it held is released.
    """
    desk = Desk(Lease(computer, stop, lease_seconds))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        desk.lease.close()

    app = FastAPI(title="Deftly computer", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, token=token)
    for kind in ERRORS:
        app.add_exception_handler(kind, _tell)
    _add_session(app, desk)
    _add_hands(app, desk)
    return app


class Desk:
    """The lease of a computer, and what was last seen on it."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self._seen: OrderedDict[str, Screenshot] = OrderedDict()

    def look(self, session: str) -> Screenshot:
        seen = held_by(self.lease, session, lambda computer: computer.screenshot())
        self._seen[seen.sha256] = seen
        self._seen.move_to_end(seen.sha256)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        seen.png  # encoded here, off the event loop  # noqa: B018
        return seen

    def perform(self, session: str, told: object) -> Json:
        action = action_from_json(told)
        done = held_by(self.lease, session, lambda computer: computer.perform(action))
        return {"action": action_to_json(done.action), "seconds": done.seconds, "note": done.note}

    def stale(self, session: str, sha256: str, told: list[object]) -> str | None:
        actions = tuple(action_from_json(each) for each in told[:MAX_ACTIONS])
        seen = self._seen.get(sha256)
        if seen is None:
            return "the screen has changed: what was seen is too long ago to be compared"
        return held_by(self.lease, session, lambda computer: computer.stale(seen, actions))


def _add_session(app: FastAPI, desk: Desk) -> None:
    @app.get("/health")
    async def health() -> Json:
        return {"status": "ok", "in_use": desk.lease.taken}

    @app.post("/session")
    async def begin() -> Json:
        return {"session": desk.lease.begin(), "lease_seconds": desk.lease.seconds}

    @app.put("/session/{session}")
    async def renew(session: str) -> Json:
        desk.lease.renew(session)
        return {}

    @app.delete("/session/{session}")
    async def end(session: str) -> Json:
        await run_in_threadpool(desk.lease.end, session)
        return {}

    @app.post("/session/{session}/stop")
    async def stop(session: str) -> Json:
        await run_in_threadpool(desk.lease.halt, session)
        return {}


def _add_hands(app: FastAPI, desk: Desk) -> None:
    @app.get("/session/{session}/screenshot")
    async def screenshot(session: str) -> Response:
        seen = await run_in_threadpool(desk.look, session)
        about = {"geometry": asdict(seen.geometry), "taken_at": seen.taken_at, "condition": seen.condition, "sha256": seen.sha256}
        return Response(seen.png, media_type="image/png", headers={"Deftly-Screenshot": json.dumps(about), "Cache-Control": "no-store"})

    @app.post("/session/{session}/perform")
    async def perform(session: str, action: Annotated[Json, Body(embed=True)]) -> Json:
        return await run_in_threadpool(desk.perform, session, action)

    @app.post("/session/{session}/stale")
    async def stale(session: str, sha256: Annotated[str, Body()], actions: Annotated[list[Json], Body()]) -> Json:
        return {"reason": await run_in_threadpool(desk.stale, session, sha256, list(actions))}

    @app.post("/session/{session}/release")
    async def release(session: str) -> Json:
        await run_in_threadpool(held_by, desk.lease, session, lambda computer: computer.release_all())
        return {}


async def _tell(request: Request, error: Exception) -> JSONResponse:
    kind, status = next(told for cls, told in ERRORS.items() if isinstance(error, cls))
    message = str(error) if not isinstance(error, RequestValidationError) else _words(error)
    return JSONResponse({"error": {"kind": kind, "message": message}}, status)


def _words(error: RequestValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, told['loc']))}: {told['msg']}" for told in error.errors())
