"""`/runs`: start runs, watch them step by step, answer what they ask, stop them.

POST /runs                      {"task", "computer": {"kind": "virtual" | "desktop" | "miniwob", …}, "mode", "limits"}
GET  /runs, /runs/{id}          as JSON; /runs/options is what may be asked for
GET  /runs/{id}/events          server-sent events: run, stage, screen, said, waiting, answered, step, ended
GET  /runs/{id}/steps/{n}/screen    a PNG
POST /runs/{id}/approve | modify | reject     {"ask": N, …}, N being the question's number
POST /runs/{id}/stop
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Path, Response
from fastapi.concurrency import run_in_threadpool

from actions.wire import WireError, action_from_json
from agent.approval import Approve, Modify, Reject
from server.episodes_json import SafeJson
from server.errors import ApiError, invalid
from server.runs import Runs
from server.runs_orders import AskBody, ModifyBody, RejectBody, RunBody, RunRules, options_json
from server.schemas import ERRORS
from server.streams import Streamed

RunId = Annotated[str, Path(max_length=64, pattern="^[0-9a-f]+$")]
StepIndex = Annotated[int, Path(ge=0, lt=1_000_000)]


def runs_router(runs: Runs, rules: RunRules, num_at_once: int) -> APIRouter:
    """The routes of `runs`, which it closes when the application ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(runs.close)

    router = APIRouter(prefix="/runs", tags=["Runs"], lifespan=lifespan, default_response_class=SafeJson, responses=ERRORS)
    _add_starting(router, runs, rules, num_at_once)
    _add_watching(router, runs)
    _add_answers(router, runs)
    return router


def _add_starting(router: APIRouter, runs: Runs, rules: RunRules, num_at_once: int) -> None:
    @router.get("", summary="The runs of this server, the newest first")
    async def all_runs() -> Any:
        return SafeJson({"runs": [run.about() for run in runs.all()]})

    @router.get("/options", summary="What a run may be asked for")
    async def options() -> Any:
        return SafeJson(options_json(rules, num_at_once))

    @router.post("", summary="Start a run", status_code=201)
    async def start(body: RunBody) -> Any:
        run = await run_in_threadpool(runs.start, body)
        return SafeJson(run.about(), 201, {"location": f"/runs/{run.id}"})


def _add_watching(router: APIRouter, runs: Runs) -> None:
    @router.get("/{run_id}", summary="One run")
    async def one(run_id: RunId) -> Any:
        return SafeJson(runs.get(run_id).about())

    @router.get("/{run_id}/events", summary="What happens, as it happens", response_class=Response)
    async def events(run_id: RunId, last_event_id: Annotated[str, Header(max_length=20)] = "") -> Response:
        after = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else 0
        return Streamed(runs.get(run_id).events.follow(after))

    @router.get("/{run_id}/steps/{step}/screen", summary="What was seen at a step", response_class=Response)
    async def screen(run_id: RunId, step: StepIndex) -> Response:
        seen = runs.get(run_id).screen(step)
        if seen is None:
            raise ApiError(404, f"the run has no step {step} (yet)", code="step_unknown")
        return Response(await run_in_threadpool(lambda: seen.png), media_type="image/png")


def _add_answers(router: APIRouter, runs: Runs) -> None:
    @router.post("/{run_id}/approve", summary="The action that waits may happen")
    async def approve(run_id: RunId, body: AskBody) -> Any:
        return SafeJson(runs.answer(run_id, body.ask, Approve()).about())

    @router.post("/{run_id}/modify", summary="Another action happens instead of the one that waits")
    async def modify(run_id: RunId, body: ModifyBody) -> Any:
        try:
            action = action_from_json(body.action)
        except WireError as error:
            raise invalid(str(error), param="action", code="invalid_action") from None
        return SafeJson(runs.answer(run_id, body.ask, Modify(action)).about())

    @router.post("/{run_id}/reject", summary="The action that waits does not happen; the model is told why")
    async def reject(run_id: RunId, body: RejectBody) -> Any:
        return SafeJson(runs.answer(run_id, body.ask, Reject(body.reason)).about())

    @router.post("/{run_id}/stop", summary="End the run", status_code=202)
    async def stop(run_id: RunId) -> Any:
        run = runs.get(run_id)
        await run_in_threadpool(run.stop, "stopped on the page")
        return SafeJson(run.about(), 202)
