"""What a model is asked at a recorded step: the same messages as in a run, with the recording's history or with the model's own.

`teacher`: earlier steps are told as they were recorded, so that every step stands for itself and all can be asked at once.
`own`: earlier steps are told as the model answered them, on the recorded screens; then an episode is asked step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from actions.space import Prediction
from agent.context import answer_text, build_messages, dialect_of, frame_of
from agent.step import Step
from evaluation.steps import EvalStep
from evaluation.vocabularies.base import Vocabulary
from inference.engines.base import ChatRequest
from inference.families import Family

Context = Literal["teacher", "own"]
CONTEXTS: tuple[Context, ...] = ("teacher", "own")


def make_request(step: EvalStep, history: Sequence[Step], family: Family, seed: int | None = None) -> ChatRequest:
    """The request that asks for the answer at `step`.

    Raises:
        DatasetError: its picture is missing or damaged.
    """
    sampling = family.sampling
    return ChatRequest(
        messages=build_messages(step.task, history, step.picture.screenshot(), family),
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        frequency_penalty=sampling.frequency_penalty,
        seed=seed,
        stop=sampling.stop,
    )


def recorded_history(step: EvalStep, vocabulary: Vocabulary, family: Family) -> list[Step]:
    """The steps before, as they were recorded; no more of them than the family is told."""
    limit = family.history.max_steps
    told = step.history if limit is None else step.history[max(0, len(step.history) - limit) :]
    return [recorded_step(before, vocabulary, family) for before in told]


def recorded_step(step: EvalStep, vocabulary: Vocabulary, family: Family) -> Step:
    """A recorded step as the agent would remember it; one that the family has no words for is not told."""
    seen = step.picture.screenshot()
    said = Prediction(thought=step.thought, actions=vocabulary.to_actions([wanted.act for wanted in step.truth]), text=step.code)
    if family.history.text != "thoughts":
        try:
            answer_text(said, family, frame_of(seen))
        except ValueError as error:
            said = Prediction(error=str(error))
    return Step(index=step.index, seen=seen, prediction=said)


def answered_step(step: EvalStep, text: str, family: Family) -> Step:
    """A step as the model answered it."""
    seen = step.picture.screenshot()
    return Step(index=step.index, seen=seen, prediction=dialect_of(family).parse(text, frame_of(seen)))
