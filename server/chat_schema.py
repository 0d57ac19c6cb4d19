"""The chat API as data: what of OpenAI's request the embedded engine takes, read strictly, and the objects that it answers with.

What would change the answer and cannot be done is refused, never silently dropped; what changes nothing is accepted.
"""

from __future__ import annotations

import time
import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference.engines.base import ChatRequest, ImageSource, Message, Reply
from server.errors import ApiError, from_validation, invalid
from server.pictures import PictureBook

NO_LIMIT = 1 << 30
FINISH_REASONS = {"stop": "stop", "length": "length", "interrupted": "stop"}
# Sampling options of vLLM, and the values at which they do nothing.
NEUTRAL: dict[str, tuple[object, ...]] = {
    "n": (1,),
    "presence_penalty": (0,),
    "top_k": (0, -1),
    "min_p": (0,),
    "repetition_penalty": (1,),
    "logprobs": (False,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "logit_bias": ({},),
    "ignore_eos": (False,),
    "min_tokens": (0,),
    "skip_special_tokens": (True,),
}
IGNORED = frozenset(
    {"user", "metadata", "store", "service_tier", "parallel_tool_calls", "prompt_cache_key", "prompt_cache_retention", "safety_identifier"}
    | {"request_id", "priority", "cache_salt"}
)

Finite = Annotated[float, Field(allow_inf_nan=False)]


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class ImageUrl(BaseModel):
    url: str = Field(description="data:image/png;base64,…; PNG, JPEG or WebP")
    detail: Literal["auto", "low", "high"] = "auto"


class ImagePart(BaseModel):
    type: Literal["image_url"]
    image_url: ImageUrl


class ChatMessage(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Annotated[TextPart | ImagePart, Field(discriminator="type")]]


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatBody(BaseModel):
    """A request to `/v1/chat/completions`. The engine vLLM takes all that vLLM takes; the embedded one takes these."""

    model_config = ConfigDict(extra="allow")

    messages: list[ChatMessage] = Field(min_length=1)
    model: str | None = None
    max_completion_tokens: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: Finite | None = Field(default=None, ge=0, le=2)
    top_p: Finite | None = Field(default=None, gt=0, le=1)
    frequency_penalty: Finite | None = Field(default=None, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=-(1 << 63), lt=1 << 63)
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


def read_chat(data: dict[str, Any]) -> ChatBody:
    """The request in `data`.

    Raises:
        ApiError: it is wrong, or asks for what the embedded engine cannot do.
    """
    try:
        body = ChatBody.model_validate(data)
    except ValidationError as error:
        raise from_validation(error.errors(include_url=False, include_context=False, include_input=False)) from None
    for name, value in (body.model_extra or {}).items():
        if value is None or name in IGNORED or value in NEUTRAL.get(name, ()):
            continue
        what = "cannot do that" if name in NEUTRAL else "does not know it"
        raise invalid(
            f"{name[:80]} is given, and the embedded engine {what}: leave it out, or serve with --engine vllm",
            param=name[:80],
            code="unsupported_parameter",
        )
    if isinstance(body.stop, list) and len(body.stop) > 4:
        raise invalid("stop has more than 4 strings", param="stop")
    return body


def chat_request(body: ChatBody, pictures: PictureBook) -> ChatRequest:
    """What the engine is asked; pictures are decoded here.

    Raises:
        ApiError: a picture cannot be taken.
    """
    images = sum(
        isinstance(part, ImagePart) for message in body.messages if not isinstance(message.content, str) for part in message.content
    )
    pictures.check_number(images)
    stop = body.stop or ()
    return ChatRequest(
        messages=tuple(_message(message, f"messages[{index}]", pictures) for index, message in enumerate(body.messages)),
        max_tokens=body.max_completion_tokens or body.max_tokens or NO_LIMIT,
        temperature=1.0 if body.temperature is None else body.temperature,
        top_p=1.0 if body.top_p is None else body.top_p,
        frequency_penalty=body.frequency_penalty or 0.0,
        seed=body.seed,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
    )


def _message(message: ChatMessage, path: str, pictures: PictureBook) -> Message:
    role: Literal["system", "user", "assistant"] = "system" if message.role == "developer" else message.role
    if isinstance(message.content, str):
        return Message(role=role, content=(message.content,))
    content: list[str | ImageSource] = []
    for index, part in enumerate(message.content):
        if isinstance(part, TextPart):
            content.append(part.text)
        else:
            content.append(_picture(part.image_url.url, f"{path}.content[{index}].image_url", pictures))
    return Message(role=role, content=tuple(content))


def _picture(url: str, path: str, pictures: PictureBook) -> ImageSource:
    if url[:5].lower() != "data:":
        raise invalid(
            f"{path}: the embedded engine fetches no URLs: send the image as data:image/png;base64,…", param=path, code="url_not_allowed"
        )
    return pictures.open(url, path)


def usage_of(reply: Reply) -> dict[str, Any]:
    """What an answer cost, in OpenAI's words."""
    return {
        "prompt_tokens": reply.num_prompt_tokens,
        "completion_tokens": reply.num_completion_tokens,
        "total_tokens": reply.num_prompt_tokens + reply.num_completion_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.num_cached_tokens},
    }


class Completion:
    """The objects of one answer: whole, or chunk by chunk; all carry the same id and time."""

    def __init__(self, model: str) -> None:
        self._base = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model, "system_fingerprint": None}

    def whole(self, reply: Reply) -> dict[str, Any]:
        message = {"role": "assistant", "content": reply.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": FINISH_REASONS[reply.finish_reason]}
        return {**self._base, "object": "chat.completion", "choices": [choice], "usage": usage_of(reply)}

    def first(self) -> dict[str, Any]:
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> dict[str, Any]:
        return self._chunk({"content": text})

    def last(self, reply: Reply) -> dict[str, Any]:
        return self._chunk({}, FINISH_REASONS[reply.finish_reason])

    def usage(self, reply: Reply) -> dict[str, Any]:
        return {**self._base, "object": "chat.completion.chunk", "choices": [], "usage": usage_of(reply)}

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._base, "object": "chat.completion.chunk", "choices": [choice]}


def model_not_found(name: str, ours: str) -> ApiError:
    return ApiError(404, f"the model {name[:80]!r} is not served here: ask for {ours!r}", code="model_not_found", param="model")
