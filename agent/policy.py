"""Who decides: a `Policy` turns what is seen and what has happened into a `Prediction`; `ModelPolicy` asks a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from actions.space import Prediction
from agent.context import build_messages, dialect_of, frame_of
from agent.endings import ModelUnreachable
from agent.screenshot import Screenshot
from agent.step import Step
from inference.engines.base import ChatRequest, Engine, EngineError, Interruptible, Message, Reply
from inference.families import Family

SHOWN_AGAIN = 2000  # characters of an unreadable answer that the model is shown again; a runaway answer would fill its context


class Interrupted(Exception):
    """Whoever decides was told to stop, because the screen is no longer the one that was shown."""


class Policy(Protocol):
    """Anything that can decide what to do next."""

    def decide(self, task: str, history: Sequence[Step], seen: Screenshot) -> Prediction:
        """What to do towards `task`, with `seen` on the screen after `history`.

        Raises:
            ModelUnreachable: whoever decides cannot be asked.
            Interrupted: it was told to stop, by `interrupt`.
        """
        ...

    def interrupt(self) -> None:
        """Stop deciding, where that is possible: the answer is not wanted any more. Called from another thread."""
        ...

    def about(self) -> Mapping[str, Any]:
        """Who decides, for the episode's meta."""
        ...

    def trace(self) -> Mapping[str, Any]:
        """What the last decision cost, for the step: JSON values."""
        ...


class ModelPolicy:
    """Asks `engine` in the way of `family`. An answer that cannot be read is shown to the model once, with what is wrong."""

    def __init__(self, engine: Engine, family: Family, *, seed: int | None = None) -> None:
        self.engine = engine
        self.family = family
        self.seed = seed
        self._replies: list[Reply] = []
        self._misread: str | None = None

    def decide(self, task: str, history: Sequence[Step], seen: Screenshot) -> Prediction:
        self._replies, self._misread = [], None
        messages = build_messages(task, history, seen, self.family)
        said = self._ask(messages, seen)
        if said.error is None:
            return said
        self._misread = said.error
        return self._ask((*messages, *_correction(said)), seen)

    def interrupt(self) -> None:
        if isinstance(self.engine, Interruptible):
            self.engine.interrupt()

    def about(self) -> Mapping[str, Any]:
        return {"model": self.engine.name, "family": self.family.name, "dialect": self.family.dialect, "seed": self.seed}

    def trace(self) -> Mapping[str, Any]:
        trace: dict[str, Any] = {
            "prompt_tokens": sum(reply.num_prompt_tokens for reply in self._replies),
            "cached_tokens": sum(reply.num_cached_tokens for reply in self._replies),
            "completion_tokens": sum(reply.num_completion_tokens for reply in self._replies),
            "model_seconds": round(sum(reply.seconds for reply in self._replies), 6),
        }
        return trace | ({"asked_again": self._misread} if self._misread is not None else {})

    def _ask(self, messages: tuple[Message, ...], seen: Screenshot) -> Prediction:
        sampling = self.family.sampling
        request = ChatRequest(
            messages=messages,
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            frequency_penalty=sampling.frequency_penalty,
            seed=self.seed,
            stop=sampling.stop,
        )
        try:
            reply = self.engine.chat(request)
        except EngineError as error:
            raise ModelUnreachable(str(error)) from error
        self._replies.append(reply)
        if reply.finish_reason == "interrupted":
            raise Interrupted
        return dialect_of(self.family).parse(reply.text, frame_of(seen))


def _correction(said: Prediction) -> tuple[Message, Message]:
    words = said.text if len(said.text) <= SHOWN_AGAIN else said.text[:SHOWN_AGAIN] + " …"
    complaint = f"That answer cannot be used: {said.error}. Answer again in the format that was asked for."
    return Message(role="assistant", content=(words or "(nothing)",)), Message(role="user", content=(complaint,))
