"""vLLM's way: a server that runs already, asked for token ids and log-probabilities."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from inference.engines.base import EngineError
from inference.parity.screens import Screen
from inference.parity.trace import NUM_TOP, Trace

WAIT_SECONDS = 600.0


class VllmWay:
    """The model that a vLLM server at `url` (which ends in `/v1`) names first.

    Raises:
        EngineError: no server is there, or it is not vLLM.
    """

    name = "vllm"

    def __init__(self, url: str) -> None:
        import httpx

        self._client = httpx.Client(base_url=url.rstrip("/") + "/", timeout=WAIT_SECONDS)
        self._model = str(self._ask("models")["data"][0]["id"])

    def run(self, screen: Screen, max_tokens: int) -> Trace:
        reply = self._ask(
            "chat/completions",
            {
                "model": self._model,
                "messages": [{"role": m.role, "content": [_part(part) for part in m.content]} for m in screen.messages],
                "max_tokens": max_tokens,
                "temperature": 0,
                "logprobs": True,
                "top_logprobs": NUM_TOP,
                "prompt_logprobs": 0,
                "return_token_ids": True,
                "return_tokens_as_token_ids": True,
            },
        )
        choice = reply["choices"][0]
        if reply.get("prompt_token_ids") is None or choice.get("token_ids") is None:
            raise EngineError(f"the server at {self._client.base_url} gives no token ids: is it vLLM 0.32 or newer?")
        ids = np.asarray(reply["prompt_token_ids"], dtype=np.int64)
        steps = choice["logprobs"]["content"]
        return Trace(
            prompt_ids=ids,
            prompt_logprobs=_prompt_logprobs(ids, reply.get("prompt_logprobs")),
            answer=tuple(choice["token_ids"]),
            steps=tuple({_id(one["token"]): float(one["logprob"]) for one in step["top_logprobs"]} for step in steps),
        )

    def close(self) -> None:
        self._client.close()

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        import httpx

        try:
            reply = self._client.get(path) if body is None else self._client.post(path, json=body)
        except httpx.HTTPError as error:
            raise EngineError(f"no vLLM at {self._client.base_url}: {error}; start it with `vllm serve MODEL`") from error
        if not reply.is_success:
            raise EngineError(f"{self._client.base_url}{path} answered {reply.status_code}: {reply.text[:300]}")
        data: dict[str, Any] = reply.json()
        return data


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(part.png).decode()}}


def _id(token: str) -> int:
    """vLLM writes `token_id:123`."""
    return int(token.rpartition(":")[2])


def _prompt_logprobs(ids: Any, given: list[dict[str, Any] | None] | None) -> Any:
    found = np.full(len(ids), np.nan, dtype=np.float32)
    for place, row in enumerate(given or ()):
        if row is not None and str(ids[place]) in row:
            found[place] = row[str(ids[place])]["logprob"]
    return found
