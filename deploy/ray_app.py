"""`deftly serve` as a Ray Serve application: replicas of the whole server, each with a vLLM of its own, behind Ray's proxy.

serve deploy deploy/ray_serve.yaml
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from fastapi import FastAPI, Request
from ray import serve
from starlette.responses import StreamingResponse

front = FastAPI(docs_url=None, redoc_url=None)
PASSED_ON = ("authorization", "content-type", "x-request-id", "traceparent")


@serve.deployment
@serve.ingress(front)
class Deftly:
    """One replica: a `deftly serve` process on this node, and what passes requests on to it.

    The token comes from DEFTLY_TOKEN in the environment of the replicas, and is checked by `deftly serve`.
    """

    def __init__(self, model: str, family: str, options: list[str]) -> None:
        command = [
            sys.executable,
            "-m",
            "deftly",
            "serve",
            model,
            "--family",
            family,
            "--engine",
            "vllm",
            "--port",
            "0",
            "--json",
            *options,
        ]
        self._process = subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"deftly serve ended with exit code {self._process.wait()}: see the replica's log")
        self._url = json.loads(line)["url"]
        self._session: aiohttp.ClientSession | None = None

    async def check_health(self) -> None:
        """Ray replaces a replica that raises here."""
        async with self._http().get(f"{self._url}/health") as response:
            if response.status != 200 and self._process.poll() is not None:
                raise RuntimeError("deftly serve has ended")

    @front.api_route("/{path:path}", methods=["GET", "POST"])
    async def pass_on(self, path: str, request: Request) -> StreamingResponse:
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        response = await self._http().request(request.method, f"{self._url}/{path}", data=await request.body(), headers=headers)

        async def chunks() -> AsyncIterator[bytes]:
            async with response:
                async for chunk in response.content.iter_any():
                    yield chunk

        told = {name: response.headers[name] for name in ("content-type", "retry-after", "x-request-id") if name in response.headers}
        return StreamingResponse(chunks(), status_code=response.status, headers=told)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        return self._session

    def __del__(self) -> None:
        self._process.terminate()
        self._process.wait()


def build(arguments: dict[str, Any]) -> serve.Application:
    """The application that the configuration file asks for."""
    return Deftly.bind(arguments["model"], arguments["family"], list(arguments.get("options", ())))  # type: ignore[attr-defined]
