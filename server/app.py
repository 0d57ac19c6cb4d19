"""The application: layers and routers put together around one backend.

watch ──► access ──► bodies ──► routes: /v1 (OpenAI's), /v1/act, /health, /metrics, /session, and the routers of others
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from inference.families import Family
from server.access import AccessLayer, Doorkeeper
from server.act import act_router
from server.backends.base import Backend
from server.bodies import BodyLayer
from server.documents import document
from server.errors import ApiError, from_validation
from server.health import health_router
from server.metrics import ServerMetrics
from server.openai_api import openai_router
from server.pictures import PictureBook
from server.session import session_router
from server.settings import ServerSettings
from server.tracing import Tracer
from server.watching import WatchLayer


def create_app(
    backend: Backend,
    family: Family,
    settings: ServerSettings,
    *,
    pictures: PictureBook,
    metrics: ServerMetrics,
    routers: Sequence[APIRouter] = (),
    leave: Callable[[], None] = lambda: None,
) -> FastAPI:
    """The application that serves `backend`, whose model is of `family`. It starts and stops the backend; `routers` come on top.
    `leave` is called, again and again, once the server begins to stop.

    What other routers need is in `app.state`: `backend`, `family`, `settings`, `pictures`, `doorkeeper`.
    """
    tracer = Tracer(settings.otlp_endpoint) if settings.otlp_endpoint else None
    doorkeeper = Doorkeeper(settings.access)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await backend.start()
        try:
            yield
        finally:
            await backend.stop()
            if tracer:
                tracer.close()

    app = FastAPI(
        title="Deftly",
        version=_version(),
        description="A GUI agent's model over HTTP: OpenAI's chat API, and actions for a screenshot.",
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        middleware=[
            Middleware(WatchLayer, metrics=metrics, tracer=tracer),
            Middleware(AccessLayer, doorkeeper=doorkeeper),
            Middleware(BodyLayer, limits=settings.limits),
        ],
    )
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    app.state.backend, app.state.family, app.state.settings = backend, family, settings
    app.state.pictures, app.state.doorkeeper = pictures, doorkeeper
    app.state.leave = leave
    app.include_router(health_router(backend, metrics))
    app.include_router(session_router(doorkeeper))
    app.include_router(act_router(backend, family, pictures, settings.limits))
    app.include_router(openai_router(backend, pictures))
    for router in routers:
        app.include_router(router)
    _tell_errors(app)
    return app


def _tell_errors(app: FastAPI) -> None:
    """Every error in OpenAI's shape, whoever found it."""

    @app.exception_handler(ApiError)
    async def ours(request: Request, error: ApiError) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def fastapis(request: Request, error: RequestValidationError) -> Response:
        return from_validation(error.errors()).response()

    @app.exception_handler(HTTPException)
    async def starlettes(request: Request, error: HTTPException) -> Response:
        told = ApiError(
            error.status_code,
            f"{request.method} {request.url.path[:200]}: {error.detail}",
            code="not_found" if error.status_code == 404 else None,
        )
        response = told.response()
        response.headers.update(error.headers or {})
        return response


def _version() -> str:
    try:
        return version("deftly")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0"
