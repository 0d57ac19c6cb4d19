"""`/episodes`: what runs have recorded, to be browsed, searched and looked at step by step."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.concurrency import run_in_threadpool

from agent.episode import Episode, EpisodeError
from server.episodes import Catalogue, Search, choices
from server.episodes_json import SafeJson, episode_json
from server.errors import ApiError
from server.schemas import ERRORS

EpisodeId = Annotated[str, Path(max_length=64, pattern="^[0-9a-f]+$")]
StepIndex = Annotated[int, Path(ge=0, lt=1_000_000)]
Words = Annotated[str, Query(max_length=500)]
Moment = Annotated[float | None, Query(ge=0, le=1e11, allow_inf_nan=False, description="seconds since 1970")]


def episodes_router(catalogue: Catalogue) -> APIRouter:
    """The routes of the episodes in `catalogue`."""
    router = APIRouter(prefix="/episodes", tags=["Episodes"], responses=ERRORS)

    @router.get("", summary="Episodes, the newest first")
    def search(
        q: Words = "",
        status: Words = "",
        model: Words = "",
        since: Moment = None,
        until: Moment = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 60,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    ) -> Any:
        every = catalogue.all()
        wanted = Search(words=q, status=status, model=model, since=since, until=until)
        found = [summary for summary in every if wanted.fits(summary)]
        shown = [asdict(summary) for summary in found[offset : offset + limit]]
        return SafeJson({"episodes": shown, "total": len(found), **choices(every)})

    @router.get("/{episode_id}", summary="One episode, with all its steps")
    def one(episode_id: EpisodeId) -> Any:
        return SafeJson(episode_json(episode_id, _open(catalogue, episode_id)))

    @router.get("/{episode_id}/steps/{step}/screen", summary="What was seen at a step", response_class=Response)
    async def screen(episode_id: EpisodeId, step: StepIndex) -> Response:
        return Response(await run_in_threadpool(_screen, catalogue, episode_id, step), media_type="image/png")

    return router


def _open(catalogue: Catalogue, episode_id: str) -> Episode:
    try:
        episode = catalogue.open(episode_id)
    except EpisodeError as error:
        raise ApiError(409, str(error).replace(str(catalogue.root), "…"), code="episode_damaged") from error
    if episode is None:
        raise ApiError(404, "there is no such episode (any more)", code="episode_unknown")
    return episode


def _screen(catalogue: Catalogue, episode_id: str, step: int) -> bytes:
    episode = _open(catalogue, episode_id)
    steps = episode.steps
    if step >= len(steps):
        raise ApiError(404, f"the episode has {len(steps)} steps, and none with the index {step}", code="step_unknown")
    try:
        return episode.picture_of(steps[step].seen).read_bytes()  # as it lies there: nothing to decode, nothing to keep
    except OSError:
        raise ApiError(404, "the picture of this step is missing", code="picture_missing") from None
