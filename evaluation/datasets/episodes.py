"""Deftly's own episodes, as `deftly run` and `deftly record` write them: what was done is what is wanted.

There are no target boxes, so places are scored by distance, with AgentNetBench's definition. Steps in which nothing was done have
nothing to score and only appear in the history of later ones. Answers are read in the dialect in which the episode's model wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from agent.episode import Episode, list_episodes
from agent.step import Step
from evaluation.datasets.base import with_history
from evaluation.pictures import Picture
from evaluation.steps import EvalStep, Wanted
from evaluation.vocabularies.agentnet import from_actions

NAME = "episodes"
METRIC = "agentnetbench"
DEFAULT_DIALECT = "uitars-1.5"


def recognises(root: Path) -> bool:
    return root.is_dir() and bool(list_episodes(root))


def files(root: Path) -> Sequence[Path]:
    return [folder / "steps.jsonl" for folder in list_episodes(root) if (folder / "steps.jsonl").is_file()]


def load(root: Path) -> tuple[EvalStep, ...]:
    return tuple(step for folder in list_episodes(root) for step in with_history(_steps(Episode.open(folder))) if step.options)


def dialect_of(root: Path) -> str:
    """In which the episodes' model wrote; the bundled model's where no model did."""
    said = {str(Episode.open(folder).meta.get("dialect") or DEFAULT_DIALECT) for folder in list_episodes(root)}
    return said.pop() if len(said) == 1 else DEFAULT_DIALECT


def _steps(episode: Episode) -> Iterator[EvalStep]:
    task = episode.meta.get("miniwob_task")
    for step in episode.steps:
        yield EvalStep(
            episode=episode.id,
            step=step.index,
            index=step.index,
            task=episode.task,
            options=_options(step),
            picture=_picture(episode, step),
            thought=step.prediction.thought,
            code=step.prediction.text,
            platform=str(episode.meta.get("suite") or ""),
            tags={"task": str(task)} if task else {},
        )


def _options(step: Step) -> tuple[tuple[Wanted, ...], ...]:
    acts = from_actions(step.prediction.actions)
    return (tuple(Wanted(act=replace(act, named=False)) for act in acts),) if acts else ()


def _picture(episode: Episode, step: Step) -> Picture:
    return Picture.from_file(episode.picture_of(step.seen), step.seen.size)
