"""OpenAI's chat API on the wire: the body of a request, the events of a streamed answer, and what a server says went wrong."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from inference.engines.base import ChatRequest, ImageSource, Message

SSE_FIELDS = frozenset({b"", b"data", b"event", b"id", b"retry"})  # the empty one: blank lines, and comments that keep a connection alive
LONGEST_MESSAGE = 500  # characters of a server's own words that go into an error


class WireError(ValueError):
    """The server sent something that is not the chat API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a streamed answer: some text, why it ended, what it cost, or what went wrong; `code` is the error's status."""

    text: str = ""
    finish_reason: str | None = None
    usage: Mapping[str, Any] | None = None
    error: str | None = None
    code: int | None = None


def chat_body(request: ChatRequest, model: str, *, image_ids: bool = False, known_images: Set[str] = frozenset()) -> dict[str, Any]:
    """The JSON of a `request` for a streamed answer. With `image_ids` each picture carries its digest as vLLM's `uuid`, by which a server
    that has it knows it again without hashing its pixels; those of `known_images` are only named by it, and not sent."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": _content(message, image_ids, known_images)} for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.frequency_penalty:
        body["frequency_penalty"] = request.frequency_penalty
    if request.seed is not None:
        body["seed"] = request.seed
    if request.stop:
        body["stop"] = list(request.stop)
    return body


def read_events(lines: Iterable[bytes]) -> Iterator[Event]:
    """The events in the lines of a streamed answer, up to its `[DONE]`.

    Raises:
        WireError: a line is not an event of the chat API.
    """
    for line in lines:
        field, _, value = line.strip().partition(b":")
        if field not in SSE_FIELDS:
            raise WireError(f"no event: {_short(line)}")
        if field == b"data" and value.strip() == b"[DONE]":
            return
        if field == b"data":
            yield read_event(value)


def read_event(text: bytes) -> Event:
    """One event; the whole answer of a server that does not stream is one, too.

    Raises:
        WireError: the text is not an event of the chat API.
    """
    data = _json(text)
    if data.get("error"):
        error = data["error"]
        code = error.get("code") if isinstance(error, dict) else None
        return Event(error=server_message(text), code=code if isinstance(code, int) else None)
    choices, usage = data.get("choices"), data.get("usage")
    if not isinstance(choices, list) or not (usage is None or isinstance(usage, dict)):
        raise WireError(f"no event of a chat answer: {_short(text)}")
    choice = choices[0] if choices and isinstance(choices[0], dict) else {}
    said = choice.get("delta") or choice.get("message") or {}
    words = said.get("content") if isinstance(said, dict) else None
    return Event(text=words if isinstance(words, str) else "", finish_reason=choice.get("finish_reason"), usage=usage)


def read_model_ids(body: bytes) -> tuple[str, ...]:
    """Names of the models that a server lists.

    Raises:
        WireError: the body is no list of models.
    """
    data = _json(body).get("data")
    if not isinstance(data, list) or not all(isinstance(item, dict) and isinstance(item.get("id"), str) for item in data):
        raise WireError(f"no list of models: {_short(body)}")
    return tuple(item["id"] for item in data)


def lists_vllm(body: bytes) -> bool:
    """Whether a list of models says that vLLM has the first of them."""
    data = _json(body).get("data")
    return isinstance(data, list) and bool(data) and isinstance(data[0], dict) and data[0].get("owned_by") == "vllm"


def server_message(body: bytes) -> str:
    """What a server says is wrong, from the several places where servers put it."""
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        return _short(body)
    for key in ("error", "message", "detail"):
        if isinstance(data, dict) and key in data:
            data = data[key]
    return _short(data if isinstance(data, str) else json.dumps(data, ensure_ascii=False))


def _content(message: Message, image_ids: bool, known_images: Set[str]) -> str | list[dict[str, Any]]:
    if all(isinstance(part, str) for part in message.content):
        return "".join(str(part) for part in message.content)
    return [
        {"type": "text", "text": part} if isinstance(part, str) else _picture(part, image_ids, known_images) for part in message.content
    ]


def _picture(source: ImageSource, image_ids: bool, known_images: Set[str]) -> dict[str, Any]:
    if source.sha256 in known_images:
        return {"type": "image_url", "image_url": None, "uuid": source.sha256}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + b64encode(source.png).decode("ascii")}}
    return picture | ({"uuid": source.sha256} if image_ids else {})


def _json(text: bytes) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:  # the latter for brackets thousands deep
        raise WireError(f"no JSON: {_short(text)}") from error
    if not isinstance(data, dict):
        raise WireError(f"no JSON object: {_short(text)}")
    return data


def _short(text: bytes | str) -> str:
    words = " ".join((text.decode("utf-8", "replace") if isinstance(text, bytes) else text).split())
    return words if len(words) <= LONGEST_MESSAGE else words[:LONGEST_MESSAGE] + " …"
