"""The in-process engine: a Hugging Face folder run by transformers, which never reads twice what it has just read.

A request in six steps: messages → prompt (ids, positions, pictures) → the part of it that is not remembered → features of the new
pictures → one pass over that part → a token at a time, spelled as it comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np

from inference.engines.base import ChatRequest, EngineError, Reply, run_out
from inference.vlm.answer import Answer
from inference.vlm.checkpoint import open_checkpoint
from inference.vlm.memory import ContextMemory
from inference.vlm.network import Network
from inference.vlm.prompt import Prompt, PromptReader

NUM_PICTURES_KEPT = 16


class TransformersEngine:
    """Runs the model in the folder `model`, or the bundled one.

    `device` and `dtype` are "auto" or torch's names. `min_pixels` and `max_pixels` go before those of the folder.
    `quantize` "int8" or "int4" keeps the language model's weights in so many bits.
    `keep_context=False` reads every prompt from its beginning.

    Raises:
        BadModel: the folder holds no model that this engine can run.
        ValueError: no device or number format is called so.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        device: str = "auto",
        dtype: str = "auto",
        attn_implementation: str = "sdpa",
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        quantize: str | None = None,
        keep_context: bool = True,
    ) -> None:
        checkpoint = open_checkpoint(
            model,
            device=device,
            dtype=dtype,
            attn_implementation=attn_implementation,
            min_pixels=min_pixels,
            max_pixels=max_pixels,
            quantize=quantize,
        )
        pictures, where = checkpoint.pictures, checkpoint.model.device
        self.name = checkpoint.name
        self._tokenizer = checkpoint.tokenizer
        self._end_ids = checkpoint.end_ids
        self._max_length = checkpoint.max_length
        self._prompts = PromptReader(tokenizer=checkpoint.tokenizer, pictures=pictures, image_token_id=checkpoint.image_token_id)
        self._keep_context = keep_context
        self._context = ContextMemory()
        self._network: Network | None = Network(
            checkpoint.model,
            pictures,
            device=where,
            num_pictures_kept=NUM_PICTURES_KEPT if keep_context else 0,
            silent_ids=checkpoint.silent_ids,
        )
        self._interrupted = threading.Event()

    def chat(self, request: ChatRequest) -> Reply:
        return run_out(self.stream(request))

    def stream(self, request: ChatRequest) -> Generator[str, None, Reply]:
        """The answer in pieces; the generator's own return value is the `Reply`."""
        started = time.perf_counter()
        network = self._network
        if network is None:
            raise EngineError(f"the engine of {self.name!r} is closed: open it again")
        self._interrupted.clear()
        prompt = self._prompts.read(request.messages)
        room = self._room(prompt, request.max_tokens)
        answer = Answer(request, tokenizer=self._tokenizer, end_ids=self._end_ids, max_tokens=room, started=started)
        recalled = self._context.recall(prompt.keys, network.new_cache)
        try:
            logits = network.read(prompt, recalled)
            while True:
                if piece := answer.take(logits):
                    yield piece
                if self._interrupted.is_set():
                    answer.end("interrupted")
                if answer.ended:
                    break
                logits = network.step(answer.last, prompt.next_position + len(answer) - 1, recalled.cache)
            if piece := answer.rest():
                yield piece
        finally:
            if self._keep_context and self._network is not None:
                self._context.keep(np.concatenate([prompt.keys, answer.read_ids]), recalled.cache)
        return answer.reply(num_prompt_tokens=len(prompt.ids), num_cached_tokens=recalled.length)

    def interrupt(self) -> None:
        """End the answer that is being given, at its next token; safe to call from another thread or a signal handler."""
        self._interrupted.set()

    def close(self) -> None:
        self._context.forget()
        self._network = None

    def _room(self, prompt: Prompt, max_tokens: int) -> int:
        """How many tokens the answer may have."""
        room = self._max_length - len(prompt.ids)
        if room < 1:
            raise EngineError(
                f"the prompt has {len(prompt.ids)} tokens, and {self.name!r} reads {self._max_length} at most: "
                "show fewer screenshots or steps (history.images, history.max_steps of the family), or smaller ones (image.max_pixels)"
            )
        return min(room, max_tokens)
