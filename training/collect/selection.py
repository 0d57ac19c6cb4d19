"""What is learnt of the episodes that were played: answers to imitate, and pairs of a better and a worse answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.context import answer_text, build_messages, frame_of, own_words
from agent.episode import Episode
from agent.step import Step
from inference.engines.base import Message
from inference.families import Family
from training.collect.correction import Correction, Edits, compared, edit_of
from training.collect.play import read_advice
from training.data.exchange import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers to the same messages. `by` says who wrote the better one."""

    source: str
    name: str
    by: str
    messages: tuple[Message, ...]
    chosen: str
    rejected: str

    def exchanges(self) -> tuple[Exchange, Exchange]:
        """The two as things to learn, each on its own."""
        both = ((self.chosen, "chosen"), (self.rejected, "rejected"))
        chosen, rejected = (
            Exchange(
                source=self.source,
                name=f"{self.name}, {which}",
                thread=f"{self.source}/{self.name}/{which}",
                messages=self.messages,
                answer=text,
            )
            for text, which in both
        )
        return chosen, rejected


@dataclass(slots=True, kw_only=True)
class Selection:
    """`accepted` are answers of episodes that succeeded, and better answers to steps of those that failed; `pairs` are of the latter."""

    accepted: list[Exchange] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        return {"accepted": len(self.accepted), "pairs": len(self.pairs), **dict(sorted(self.counts.items()))}


def select(
    episodes: Sequence[Episode], family: Family, *, edits: Edits | None = None, min_reward: float = 1e-9, max_steps: int | None = None
) -> Selection:
    """Sort what was played. An episode is accepted when its reward is `min_reward` at least, and it took `max_steps` at most.

    Of the others, each step is corrected where a person's edit, or else the expert's advice on that very page, says otherwise.
    """
    chosen = Selection()
    for episode in episodes:
        if _is_accepted(episode, min_reward, max_steps):
            chosen.counts["episodes accepted"] += 1
            chosen.accepted += list(_imitated(episode, family))
        else:
            chosen.counts["episodes not accepted"] += 1
            _correct(episode, family, edits or {}, chosen)
    return chosen


def _is_accepted(episode: Episode, min_reward: float, max_steps: int | None) -> bool:
    if episode.reward is None or episode.reward < min_reward:
        return False
    return max_steps is None or len(episode.steps) <= max_steps


def _imitated(episode: Episode, family: Family) -> Iterator[Exchange]:
    for number, step in enumerate(episode.steps):
        if step.prediction.error is None and step.prediction.actions:
            yield _exchange(episode, number, step, own_words(step, family), family)


def _correct(episode: Episode, family: Family, edits: Edits, chosen: Selection) -> None:
    advice = read_advice(episode)
    for number, step in enumerate(episode.steps):
        correction = edit_of(edits, episode.id, step)
        if correction is None and (better := advice.get(step.index + 1)) is not None:
            correction = compared(step.prediction, better, "expert")
        if correction is None:
            chosen.counts["steps nobody could correct"] += 1
            continue
        if correction.agrees:
            chosen.counts["steps that were right"] += 1
            continue
        chosen.counts[f"steps corrected by the {correction.by}"] += 1
        pair = _pair(episode, number, step, correction, family)
        chosen.pairs.append(pair)
        chosen.accepted.append(pair.exchanges()[0])


def _pair(episode: Episode, number: int, step: Step, correction: Correction, family: Family) -> Pair:
    rejected = step.prediction.text or answer_text(step.prediction, family, frame_of(step.seen))
    return Pair(
        source=str(episode.path),
        name=f"step {step.index + 1}",
        by=correction.by,
        messages=build_messages(episode.task, episode.steps[:number], step.seen, family),
        chosen=answer_text(correction.better, family, frame_of(step.seen)),
        rejected=rejected,
    )


def _exchange(episode: Episode, number: int, step: Step, answer: str, family: Family) -> Exchange:
    messages = build_messages(episode.task, episode.steps[:number], step.seen, family)
    return Exchange(source=str(episode.path), name=f"step {step.index + 1}", thread=str(episode.path), messages=messages, answer=answer)
