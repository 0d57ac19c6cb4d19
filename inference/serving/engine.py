"""The serving engine: one model in this process that answers many requests at once.

Threads, so that some requests are looked at while others are answered:

    submit ──► eyes: prompt, what of it is known, features of its pictures ──► voice: reads prompts, one token for every answer in turn

Batches are continuous (Orca, OSDI 2022): an answer joins when its prompt is read and leaves when it ends, without waiting for others.
Long prompts are read in parts between tokens (Sarathi, OSDI 2024), so that they do not hold up those who are being answered.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from inference.engines.base import ChatRequest, EngineError, Reply
from inference.serving.contexts import ContextStore
from inference.serving.desk import Desk
from inference.serving.ticket import Listener, Ticket
from inference.serving.voice import Voice
from inference.vlm.answer import Answer
from inference.vlm.checkpoint import open_checkpoint
from inference.vlm.network import Network
from inference.vlm.prompt import Prompt, PromptReader

NUM_EYES = 2  # threads that look at pictures: looking costs more than half of a short answer, and there are two cores at least
NUM_PICTURES_KEPT = 64
CONTEXT_BYTES = 512 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStats:
    """What the engine is doing, and what it has done since it started."""

    num_waiting: int
    num_running: int
    num_prompt_tokens: int
    num_cached_tokens: int
    num_completion_tokens: int
    num_steps: int
    cache_bytes: int


class BatchingEngine:
    """Runs the model in the folder `model`, or the bundled one, for up to `max_num_seqs` answers at once.

    Other options are those of `TransformersEngine`. `context_bytes` is what may be kept of past contexts.

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
        max_num_seqs: int = 16,
        context_bytes: int = CONTEXT_BYTES,
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
        self.max_length = checkpoint.max_length
        self._tokenizer = checkpoint.tokenizer
        self._end_ids = checkpoint.end_ids
        self._prompts = PromptReader(tokenizer=checkpoint.tokenizer, pictures=pictures, image_token_id=checkpoint.image_token_id)
        self._network = Network(
            checkpoint.model, pictures, device=where, num_pictures_kept=NUM_PICTURES_KEPT, silent_ids=checkpoint.silent_ids
        )
        self._contexts = ContextStore(context_bytes)
        self._voice = Voice(self._network, self._contexts, max_num_seqs)
        self._arrived: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._ready: deque[Ticket] = deque()
        self._wake = threading.Condition()
        self._num_arrived = 0
        self._closing = False
        self._open_eyes = NUM_EYES
        self._interrupting = False
        self._threads = [
            threading.Thread(target=target, name=f"deftly-{target.__name__.strip('_')}", daemon=True)
            for target in (*[self._look] * NUM_EYES, self._speak)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, request: ChatRequest, listener: Listener) -> Ticket:
        """Take `request` in; `listener` hears of it from other threads.

        Raises:
            EngineError: the engine is closed.
        """
        ticket = Ticket(request, listener)
        with self._wake:
            if self._closing:
                raise EngineError(f"the engine of {self.name!r} is closed: open it again")
            self._num_arrived += 1
            self._arrived.put(ticket)
        return ticket

    def chat(self, request: ChatRequest) -> Reply:
        return self.desk().chat(request)

    def stream(self, request: ChatRequest) -> Generator[str, None, Reply]:
        """The answer in pieces; the generator's own return value is the `Reply`. Threads may ask at once: they share the network."""
        return self.desk().stream(request)

    def desk(self) -> Desk:
        """This engine for one user, who can interrupt no one else."""
        return Desk(self)

    def interrupt(self) -> None:
        """End all answers at their next token; safe to call from another thread."""
        with self._wake:
            self._interrupting = True
            self._wake.notify()

    def stats(self) -> EngineStats:
        voice = self._voice
        return EngineStats(
            num_waiting=self._num_coming(),
            num_running=voice.num_running,
            num_prompt_tokens=voice.num_prompt_tokens,
            num_cached_tokens=voice.num_cached_tokens,
            num_completion_tokens=voice.num_completion_tokens,
            num_steps=voice.num_steps,
            cache_bytes=self._contexts.num_bytes + voice.num_bytes,
        )

    def close(self) -> None:
        """Finish what was asked for, then free the model. Safe to call twice."""
        with self._wake:
            first, self._closing = not self._closing, True
        for _ in range(NUM_EYES if first else 0):
            self._arrived.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        self._contexts.forget()
        self._network.forget()

    def _look(self) -> None:
        """The eyes' thread: make each ticket ready to be read."""
        while (ticket := self._arrived.get()) is not None:
            try:
                if not ticket.cancelled:
                    self._prepare(ticket)
            except EngineError as error:
                ticket.fail(error)
            except Exception as error:  # noqa: BLE001 - the thread's boundary: one bad request must not end the others
                ticket.fail(
                    EngineError(f"{self.name!r} could not read the request ({type(error).__name__}): try it again, or a smaller one")
                )
            with self._wake:
                self._ready.append(ticket)
                self._wake.notify()
        with self._wake:
            self._open_eyes -= 1
            self._wake.notify()

    def _prepare(self, ticket: Ticket) -> None:
        ticket.prompt = self._prompts.read(ticket.request.messages)
        room = self._room(ticket.prompt, ticket.request.max_tokens)
        ticket.answer = Answer(ticket.request, tokenizer=self._tokenizer, end_ids=self._end_ids, max_tokens=room, started=ticket.started)
        ticket.recalled = self._contexts.recall(ticket.prompt.keys, self._network.new_cache)
        for picture in ticket.prompt.pictures:
            if picture.start >= ticket.recalled.length:
                self._network.look(picture)

    def _speak(self) -> None:
        """The voice's thread: a turn after the other while there is something to say."""
        while self._wait_for_work():
            self._voice.turn(self._num_coming())

    def _wait_for_work(self) -> bool:
        """Hand over what is ready; false when everything is said and the engine is closed."""
        with self._wake:
            self._wake.wait_for(lambda: self._ready or self._voice.busy or not self._open_eyes or self._interrupting)
            if not self._voice.is_reading:
                self._wake.wait_for(self._may_not_wait, timeout=self._voice.pause(self._num_coming(), time.monotonic()))
            while self._ready and self._voice.has_room:
                self._voice.take(self._ready.popleft())
            if self._interrupting:
                self._interrupting = False
                for ticket in (*self._ready, *self._voice.tickets):
                    ticket.cancel()
            return bool(self._ready or self._voice.busy or self._open_eyes)

    def _may_not_wait(self) -> bool:
        """Whether there is something to do but say the next token."""
        return bool(self._ready and self._voice.has_room) or self._interrupting or self._closing

    def _num_coming(self) -> int:
        """How many requests were asked and are not being answered yet."""
        return max(0, self._num_arrived - self._voice.num_ended - self._voice.num_running)

    def _room(self, prompt: Prompt, max_tokens: int) -> int:
        """How many tokens the answer may have."""
        room = self.max_length - len(prompt.ids)
        if room < 1:
            raise EngineError(
                f"the prompt has {len(prompt.ids)} tokens, and {self.name!r} reads {self.max_length} at most: "
                "show fewer screenshots or steps (history.images, history.max_steps of the family), or smaller ones (image.max_pixels)"
            )
        return min(room, max_tokens)
