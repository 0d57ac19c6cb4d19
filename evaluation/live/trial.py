"""One trial of a live suite: what was tried, what it was worth, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from agent.episode import Episode


class Job(NamedTuple):
    """What is to be tried. Repeats of one seed differ only by what the model makes of it."""

    task: str
    seed: int
    repeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`reward` is the task's raw one, `None` when it was not over; `seconds` are those of the episode, `model_seconds` the model's part.

    `episode` is the path of the episode's folder; empty where the task could not even be set up, `message` says why.
    """

    task: str
    seed: int
    repeat: int = 0
    reward: float | None
    solved: bool
    num_steps: int
    seconds: float
    model_seconds: float = 0.0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    status: str
    message: str = ""
    episode: str

    @property
    def job(self) -> Job:
        return Job(self.task, self.seed, self.repeat)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def trial_of(job: Job, episode: Episode, solved_above: float, root: Path) -> Trial:
    """What an ended episode came to; its path is told relative to `root` where it lies there."""
    end = episode.ended
    assert end is not None
    traces = [step.trace for step in episode.steps]
    path = episode.path.relative_to(root) if episode.path.is_relative_to(root) else episode.path
    return Trial(
        task=job.task,
        seed=job.seed,
        repeat=job.repeat,
        reward=end.reward,
        solved=end.reward is not None and end.reward > solved_above,
        num_steps=len(episode.steps),
        seconds=round(episode.seconds, 3),
        model_seconds=round(sum(float(trace.get("model_seconds", 0.0)) for trace in traces), 3),
        prompt_tokens=_total(traces, "prompt_tokens"),
        cached_tokens=_total(traces, "cached_tokens"),
        completion_tokens=_total(traces, "completion_tokens"),
        status=end.status,
        message=end.message,
        episode=str(path),
    )


def _total(traces: list[Mapping[str, Any]], name: str) -> int:
    return sum(int(trace.get(name, 0)) for trace in traces)
