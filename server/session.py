"""`/session`: how a browser signs in with the token, and learns what its unsafe requests must carry."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from starlette.responses import Response

from server.access import SESSION_COOKIE, SESSION_SECONDS, Doorkeeper
from server.schemas import ERRORS


def session_router(doorkeeper: Doorkeeper) -> APIRouter:
    router = APIRouter(prefix="/session", tags=["Page"])

    @router.get("", summary="Whether the browser is signed in, and its CSRF token")
    async def look(request: Request) -> dict[str, Any]:
        signed_in = doorkeeper.is_signed_in(request)
        return {
            "signed_in": signed_in,
            "needs_token": doorkeeper.needs_token,
            "csrf": doorkeeper.csrf_token(request) if signed_in else None,
        }

    @router.post("", summary="Sign in with the server's token", status_code=204, responses=ERRORS)
    async def sign_in(request: Request, token: Annotated[str, Body(embed=True, max_length=1000)]) -> Response:
        response = Response(status_code=204)
        secure = request.url.scheme == "https"
        response.set_cookie(
            SESSION_COOKIE, doorkeeper.sign_in(token), max_age=SESSION_SECONDS, httponly=True, samesite="strict", secure=secure, path="/"
        )
        return response

    @router.delete("", summary="Sign out", status_code=204)
    async def sign_out() -> Response:
        response = Response(status_code=204)
        response.delete_cookie(SESSION_COOKIE, path="/")
        return response

    return router
