"""The contract of a backend: it answers OpenAI's endpoints, lends an `Engine` to `/v1/act`, and says how it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from inference.engines.base import Engine

if TYPE_CHECKING:
    from starlette.responses import Response

Condition = Literal["ok", "starting", "down", "stopping", "failed"]  # failed: it never came up, and will not


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the engine is, and since when it had to be started again."""

    condition: Condition
    detail: str = ""
    num_restarts: int = 0


class Backend(Protocol):
    """An engine behind the server."""

    kind: str
    model: str
    endpoints: tuple[str, ...]  # of OpenAI's POST endpoints, those that it has

    async def start(self) -> None:
        """Begin to get ready; `status` tells when it is."""
        ...

    async def stop(self) -> None:
        """Finish what is in flight, then let go of everything."""
        ...

    def status(self) -> Status: ...

    def engine(self) -> Engine:
        """The same model as an engine for one user: interrupting it ends nobody else's answer."""
        ...

    async def answer(self, path: str, body: bytes, data: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
        """The response to a checked request to one of the `endpoints`; `data` is what `body` says.

        Raises:
            ApiError: it cannot be answered.
        """
        ...

    async def models(self) -> Mapping[str, Any]:
        """The answer to `GET /v1/models`."""
        ...

    async def metrics(self) -> bytes:
        """Further metrics in Prometheus's text format."""
        ...
