"""The files of the page: read once out of the package, so that no name from a client reaches the file system."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from server.errors import ApiError

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Only our own files run or style; and no text can become markup, by mistake either: the page has no Trusted Types policy to make any.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


class StaticFile(NamedTuple):
    """A file, its media type, and the tag by which browsers ask whether it changed."""

    data: bytes
    kind: str
    tag: str


def read_static() -> dict[str, StaticFile]:
    """Every file of the page by its name."""
    found = {}
    for entry in (files("server.pages") / "static").iterdir():
        suffix = entry.name[entry.name.rfind(".") :]
        if suffix in TYPES:
            found[entry.name] = _read(entry, TYPES[suffix])
    return found


def _read(entry: Traversable, kind: str) -> StaticFile:
    data = entry.read_bytes()
    return StaticFile(data, f"{kind}; charset=utf-8", f'"{hashlib.sha256(data).hexdigest()[:24]}"')


def static_router() -> APIRouter:
    """`/` and `/page/…`; no part of the API, so in no document of it."""
    router = APIRouter(include_in_schema=False)
    known = read_static()

    @router.get("/")
    async def index(request: Request) -> Response:
        return _answer(known["index.html"], request)

    @router.get("/page/{name}")
    async def file(name: str, request: Request) -> Response:
        if name not in known:
            raise ApiError(404, "the page has no such file", code="not_found")
        return _answer(known[name], request)

    return router


def _answer(found: StaticFile, request: Request) -> Response:
    headers = {"etag": found.tag, "cache-control": "no-cache", "content-security-policy": POLICY}
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    return Response(found.data, media_type=found.kind, headers=headers)
