"""The vLLM backend: a supervised vLLM process at a Unix socket, and a streaming proxy to it that adds next to nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.engines.base import Engine
from inference.engines.openai import OpenAIEngine
from inference.vllm_plugin.link import link_plugin, plugin_environment
from server.backends.base import Status
from server.backends.vllm_command import VllmOrder, vllm_command
from server.backends.vllm_environment import vllm_environment
from server.backends.vllm_process import UnfitEngine, VllmProcess
from server.errors import ApiError, engine_unavailable
from server.streams import EVENT_STREAM, Head, Streamed

if TYPE_CHECKING:
    import aiohttp
    from starlette.responses import Response

SILENCE_SECONDS = 600.0  # between two pieces of an answer; a long queue is silent, too
HOST = "http://vllm"  # a name is needed; the socket decides
TOLD = ("content-type", "retry-after")


class VllmBackend:
    """Serves `order` by a vLLM process of its own."""

    kind = "vllm"
    endpoints: tuple[str, ...] = ("chat/completions", "completions", "responses")

    def __init__(self, order: VllmOrder) -> None:
        self.model = order.name
        self._folder = Path(tempfile.mkdtemp(prefix="deftly-vllm-"))  # for its owner only
        self._socket = self._folder / "socket"
        self._session: aiohttp.ClientSession | None = None
        self._engine: OpenAIEngine | None = None
        self._attention = order.attention
        command, environment = vllm_command(order, self._socket), vllm_environment(os.environ, order)
        if order.attention == "deftly":
            environment = plugin_environment(environment, link_plugin(self._folder / "plugin"))
        self.process = VllmProcess(command, environment, self._socket, self._is_healthy)

    async def start(self) -> None:
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=str(self._socket), limit=0, keepalive_timeout=4),  # vLLM closes idle connections after 5 s
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE_SECONDS),
            auto_decompress=False,
            read_bufsize=1 << 18,
        )
        self.process.start()

    async def stop(self) -> None:
        await self.process.stop()
        if self._session:
            await self._session.close()
        if self._engine:
            self._engine.close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def status(self) -> Status:
        return self.process.status

    def engine(self) -> Engine:
        if self._engine is None:
            self._engine = OpenAIEngine(self.model, base_url=f"{HOST}/v1", uds=str(self._socket), num_tries=1, timeout=SILENCE_SECONDS)
        return self._engine.desk()

    async def answer(self, path: str, body: bytes, data: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
        if self.status().condition != "ok":
            raise self._unavailable()
        return Streamed(self._relayed(path, body, headers))

    async def models(self) -> Mapping[str, Any]:
        async with self._asked("GET", "/v1/models") as response:
            models: Mapping[str, Any] = await response.json()
            return models

    async def metrics(self) -> bytes:
        try:
            async with self._asked("GET", "/metrics") as response:
                return await response.read()
        except ApiError:
            return b""  # our own counters say that it is down

    async def _relayed(self, path: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[Head | bytes]:
        """The engine's response: events as they come, anything else once it is whole, and its failures in words of ours."""
        async with self._asked("POST", f"/v1/{path}", data=body, headers={**headers, "content-type": "application/json"}) as response:
            if response.status >= 500:
                raise ApiError(
                    502, f"the model engine failed (it answered {response.status}): ask again", code="engine_error", retry_after=2
                )
            told = {name: response.headers[name] for name in TOLD if name in response.headers}
            if "event-stream" in told.get("content-type", ""):
                yield Head(response.status, {**EVENT_STREAM, **told})
                async for chunk in response.content.iter_any():
                    yield chunk
            else:
                whole = await response.read()
                yield Head(response.status, {**told, "content-length": str(len(whole))})
                yield whole

    @asynccontextmanager
    async def _asked(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """The engine's response; a lost connection, at any time, is an `ApiError`."""
        import aiohttp

        assert self._session is not None, "the backend was not started"
        try:
            async with self._session.request(method, HOST + path, allow_redirects=False, **options) as response:
                yield response
        except TimeoutError:
            raise ApiError(504, f"the model engine was silent for {SILENCE_SECONDS:g} s", code="engine_timeout") from None
        except (aiohttp.ClientConnectorError, FileNotFoundError):
            raise self._unavailable() from None
        except aiohttp.ClientError:
            raise ApiError(
                502, "the model engine ended in the middle of the answer: ask again", code="engine_error", retry_after=2
            ) from None

    def _unavailable(self) -> ApiError:
        status = self.status()
        words = {"starting": "is starting", "stopping": "is stopping", "ok": "cannot be reached", "failed": "did not start"}
        return engine_unavailable(words.get(status.condition, f"{status.detail} and is being started again"))

    async def _is_healthy(self) -> bool:
        try:
            async with self._asked("GET", "/health") as response:
                if response.status != 200:
                    return False
        except ApiError:
            return False
        if self._attention == "deftly" and not has_our_attention(await self.metrics()):
            raise UnfitEngine("ran with its own attention instead of Deftly's")
        return True


def has_our_attention(metrics: bytes) -> bool:
    """Whether vLLM built its layers with our attention: it goes on without a plugin that it cannot load, saying so only in its log."""
    lines = (line.split() for line in metrics.decode().splitlines())
    return any(words[0] == "deftly_attention_layers_total" and float(words[1]) > 0 for words in lines if len(words) == 2)
