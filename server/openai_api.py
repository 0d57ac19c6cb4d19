"""OpenAI's endpoints: `/v1/models`, and the POST endpoints that the backend has."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from server.backends.base import Backend
from server.bodies import read_json
from server.errors import ApiError
from server.pictures import PictureBook
from server.schemas import CHAT_BODY, ERRORS, JSON_OBJECT

SUMMARIES = {
    "chat/completions": "Chat: text and images in, text out, whole or streamed",
    "completions": "Text completion, as vLLM has it",
    "responses": "OpenAI's responses API, as vLLM has it",
}
PASSED_ON = ("x-request-id", "traceparent")


def openai_router(backend: Backend, pictures: PictureBook) -> APIRouter:
    """The routes of `/v1` that speak OpenAI's language."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"])

    @router.get("/models", summary="The model that is served", responses=ERRORS)
    async def models() -> dict[str, Any]:
        return dict(await backend.models())

    @router.get("/models/{model:path}", summary="One model", responses=ERRORS)
    async def one_model(model: str) -> dict[str, Any]:
        for about in (await backend.models())["data"]:
            if about["id"] == model:
                return dict(about)
        raise ApiError(
            404, f"the model {model[:80]!r} is not served here: ask for {backend.model!r}", code="model_not_found", param="model"
        )

    for path in SUMMARIES:
        _add(router, path, backend, pictures)
    return router


def _add(router: APIRouter, path: str, backend: Backend, pictures: PictureBook) -> None:
    async def answer(request: Request) -> Response:
        if path not in backend.endpoints:
            raise ApiError(
                501,
                f"the engine {backend.kind!r} has no /v1/{path}: use /v1/chat/completions, or serve with --engine vllm",
                code="unsupported_endpoint",
            )
        body = await request.body()
        data = read_json(body)
        pictures.check_all(data)
        state = request.scope["state"]
        headers = {name: value for name, value in zip(PASSED_ON, (state.get("request_id"), state.get("traceparent")), strict=True) if value}
        return await backend.answer(path, body, data, headers)

    schema = CHAT_BODY if path == "chat/completions" else JSON_OBJECT
    router.add_api_route(
        f"/{path}",
        answer,
        methods=["POST"],
        summary=SUMMARIES[path],
        response_model=None,
        responses=ERRORS | {200: {"description": "The answer; a stream of server-sent events where `stream` is true"}},
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}},
        operation_id=path.replace("/", "_"),
    )
