"""`POST /v1/act`: a task, a screenshot and what was done so far, in; what to do next, out. Clients need to know no prompt.

    {"task": "open the menu", "screenshot": "data:image/png;base64,…", "history": [{"screenshot": …, "thought": …, "actions": […]}]}
    {"thought": "…", "actions": [{"type": "click", "point": [0.5, 0.25], …}], "text": "…", "error": null, "screenshot": "sha256:…", …}

Points are fractions of the screen, both ways. A screenshot that this server has seen lately may be named instead of sent.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from actions.space import Action, Prediction
from actions.wire import WireError, action_from_json, prediction_to_json
from agent.context import build_messages
from agent.endings import ModelUnreachable
from agent.policy import Interrupted, ModelPolicy
from agent.screenshot import Screenshot
from agent.step import Step
from inference.engines.base import Engine, Interruptible, Message
from inference.families import Family
from server.backends.base import Backend
from server.bodies import read_json
from server.errors import ApiError, engine_unavailable, from_validation, invalid
from server.pictures import PictureBook, name_of
from server.schemas import ACT_BODY, ERRORS
from server.settings import Limits
from server.streams import gone

PICTURE = "a PNG, JPEG or WebP as a data URL or in base64; or, for one that this server has seen lately, the name that it gave: sha256:…"
MAX_TEXT = 100_000  # characters of a task or an earlier answer


class PastStep(BaseModel):
    """One step that was done. `screenshot` may be left out where the model is not shown it any more."""

    model_config = ConfigDict(extra="forbid")

    screenshot: str | None = Field(default=None, description=PICTURE)
    thought: str = Field(default="", max_length=MAX_TEXT)
    actions: list[dict[str, Any]] = Field(default_factory=list, max_length=100, description="as they came in an earlier answer")
    text: str = Field(default="", max_length=MAX_TEXT, description="the model's own words of that step, where they were kept")
    feedback: str = Field(default="", max_length=MAX_TEXT, description="what the model should know about how they went")


class ActBody(BaseModel):
    """A request to `/v1/act`."""

    model_config = ConfigDict(extra="forbid")

    task: str = Field(min_length=1, max_length=MAX_TEXT)
    screenshot: str = Field(description=PICTURE)
    history: list[PastStep] = Field(default_factory=list)
    seed: int | None = Field(default=None, ge=0, lt=1 << 63)


def read_act(data: dict[str, Any], limits: Limits) -> ActBody:
    """The request in `data`.

    Raises:
        ApiError: it is wrong; the message names the field.
    """
    try:
        body = ActBody.model_validate(data)
    except ValidationError as error:
        raise from_validation(error.errors(include_url=False, include_context=False, include_input=False)) from None
    if len(body.history) > limits.history_steps:
        raise invalid(f"history has {len(body.history)} steps, and this server takes {limits.history_steps} at most", param="history")
    return body


def act(body: ActBody, engine: Engine, family: Family, pictures: PictureBook) -> Mapping[str, Any]:
    """Ask the model; blocks while it thinks.

    Raises:
        ApiError: a picture or an action is wrong, or the engine cannot answer.
    """
    pictures.check_number(1 + sum(step.screenshot is not None for step in body.history))
    seen, name = _picture(body.screenshot, "screenshot", pictures)
    history = [_step(step, index, seen, pictures) for index, step in enumerate(body.history)]
    _check_shown(build_messages(body.task, history, seen, family))
    policy = ModelPolicy(engine, family, seed=body.seed)
    started = time.perf_counter()
    try:
        said = policy.decide(body.task, history, seen)
    except ModelUnreachable as error:
        raise ApiError(503, str(error), code="engine_error", retry_after=2) from error
    except Interrupted:
        raise ApiError(499, "the client left", code="client_gone") from None
    return {
        "id": f"act-{uuid.uuid4().hex}",
        "object": "act",
        "model": engine.name,
        "family": family.name,
        **prediction_to_json(said),
        "text": said.text,
        "screenshot": name,
        "seconds": round(time.perf_counter() - started, 6),
        "usage": _usage(policy.trace()),
    }


def _picture(told: str, path: str, pictures: PictureBook) -> tuple[Screenshot, str]:
    if told.startswith("sha256:"):
        return pictures.known(told, path), told
    return pictures.open(told, path), name_of(told, path)


def _step(step: PastStep, index: int, seen: Screenshot, pictures: PictureBook) -> Step:
    """An earlier step; without a picture of its own, one of the present size stands in that nobody can look at."""
    path = f"history[{index}]"
    shown = (
        _stand_in(seen, f"{path}.screenshot") if step.screenshot is None else _picture(step.screenshot, f"{path}.screenshot", pictures)[0]
    )
    actions = tuple(_action(action, f"{path}.actions[{number}]") for number, action in enumerate(step.actions))
    said = Prediction(thought=step.thought, actions=actions, text=step.text)
    return Step(index=index, seen=shown, prediction=said, feedback=step.feedback)


def _stand_in(seen: Screenshot, path: str) -> Screenshot:
    def look() -> bytes:
        raise invalid(f"{path} is missing, and the model is shown it: send it, or its name", param=path, code="missing_screenshot")

    return Screenshot(geometry=seen.geometry, taken_at=0.0, png=look)


def _action(told: dict[str, Any], path: str) -> Action:
    try:
        return action_from_json(told)
    except WireError as error:
        raise invalid(f"{path}: {error}", param=path, code="invalid_action") from None


def _check_shown(messages: tuple[Message, ...]) -> None:
    """Look at every picture that the model will be shown, so that a missing one is the client's error and not the engine's."""
    for message in messages:
        for part in message.content:
            if not isinstance(part, str):
                part.rgb  # noqa: B018 - a stand-in raises


def _usage(trace: Mapping[str, Any]) -> dict[str, Any]:
    prompt, completion = int(trace["prompt_tokens"]), int(trace["completion_tokens"])
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": int(trace["cached_tokens"])},
    }


def act_router(backend: Backend, family: Family, pictures: PictureBook, limits: Limits) -> APIRouter:
    """The route of `/v1/act`."""
    router = APIRouter(prefix="/v1", tags=["Agents"])
    thinkers = ThreadPoolExecutor(limits.requests, thread_name_prefix="deftly-act")  # asyncio's own pool has six threads on two cores

    @router.post(
        "/act",
        summary="A task, a screenshot and what was done so far, to the next actions",
        responses=ERRORS,
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": ACT_BODY}}}},
    )
    async def answer(request: Request) -> dict[str, Any]:
        body = read_act(read_json(await request.body()), limits)
        status = backend.status()
        if status.condition != "ok":
            raise engine_unavailable(f"is {status.condition}")
        engine = backend.engine()
        thinking = asyncio.get_running_loop().run_in_executor(thinkers, act, body, engine, family, pictures)
        watching = asyncio.ensure_future(gone(request.receive))
        await asyncio.wait((thinking, watching), return_when=asyncio.FIRST_COMPLETED)
        watching.cancel()
        if not thinking.done() and isinstance(engine, Interruptible):
            engine.interrupt()  # nobody waits any more
        return dict(await thinking)

    return router
