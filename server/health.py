"""`/health`: whether the model can answer; `/metrics`: numbers for Prometheus."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from server.backends.base import Backend
from server.metrics import ServerMetrics


def health_router(backend: Backend, metrics: ServerMetrics) -> APIRouter:
    router = APIRouter(tags=["Operation"])

    @router.get("/health", summary="Whether the model can answer", responses={503: {"description": "Not now; the body says why"}})
    async def health() -> Response:
        status = backend.status()
        told: dict[str, Any] = {"status": status.condition, "model": backend.model, "engine": backend.kind, "restarts": status.num_restarts}
        return JSONResponse(
            told | ({"detail": status.detail} if status.detail else {}), status_code=200 if status.condition == "ok" else 503
        )

    @router.get("/metrics", summary="Counters in Prometheus's text format")
    async def counters() -> Response:
        status = backend.status()
        metrics.ready.set(status.condition == "ok")
        metrics.restarts.set(status.num_restarts)
        return Response(metrics.render() + await backend.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
