"""The report on a live run: success by task, what it cost, and every unsolved trial with its last screen and what was thought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from actions.geometry import Size
from agent.episode import Episode, EpisodeError
from agent.page.overlay import place_of
from agent.step import Step
from agent.words import in_words, shortened
from evaluation.live.trial import Trial
from evaluation.report.content import Group, Item, Mark, Report, Said
from evaluation.steps import Place

HEADLINES = {"success": "success", "by task": "success_by_task", "full reward": "full_reward"}


class LastScreen:
    """The file of a screen in an episode."""

    def __init__(self, file: Path, size: Size) -> None:
        self._file = file
        self.size = size

    def read(self) -> bytes:
        return self._file.read_bytes()


def report_live(told: Mapping[str, Any], trials: Sequence[Trial], root: Path) -> Report:
    """The report of the run in `root`, whose JSON is `told`."""
    summary, costs = told["summary"], told["summary"]["costs"]
    unsolved = [(position, trial) for position, trial in enumerate(trials) if not trial.solved]
    rows = {task["task"]: _row(task) for task in sorted(told["tasks"], key=lambda task: (-task["success"], task["task"]))}
    rewards = {task["task"]: task["raw_reward"] | {"plain": True} for task in told["tasks"]}
    return Report(
        title=f"{told['model']} on {told['suite']}",
        subtitle=f"{summary['num_trials']:,} trials of {summary['num_tasks']:,} tasks, judged by the tasks' own rewards",
        headlines={name: summary[key] for name, key in HEADLINES.items()}
        | {"raw reward, -1 to 1": summary["raw_reward"] | {"plain": True}},
        counts={
            "unsolved": f"{len(unsolved):,}",
            "not over": f"{summary['num_not_over']:,}",
            **({"could not begin": f"{summary['num_not_begun']:,}"} if summary["num_not_begun"] else {}),
            "steps a trial": f"{costs['steps_per_trial']:.1f}",
            "s a trial": f"{costs['seconds_per_trial']:.1f}",
            "s a step": f"{costs['seconds_per_step']:.2f}",
            "tokens a trial": f"{costs['tokens_per_trial']:,.0f}",
        },
        groups=(
            Group(title="Success by task", rows=rows),
            Group(title="Raw reward by task", rows=rewards, low=-1.0, note="where the task was not over it counts 0"),
        ),
        items=tuple(_item(position, trial, root) for position, trial in unsolved),
        items_title="Unsolved trials",
        about={"summary": {name: summary[name] for name in ("statuses", "costs")}, **told["run"]},
    )


def _row(task: Mapping[str, Any]) -> dict[str, Any]:
    names = ("standard_error", "interval")
    return {"mean": task["success"], "num_steps": task["num_trials"]} | {name: task[name] for name in names}


def _item(position: int, trial: Trial, root: Path) -> Item:
    episode = _episode(trial, root)
    steps = episode.steps if episode else ()
    said = [Said(title=trial.status.replace("_", " "), words=trial.message, tone="bad")]
    if steps:
        said.append(Said(title="what was thought and done", words="\n".join(map(_line, steps))))
        said.append(Said(title="What the model wrote last", words=steps[-1].prediction.text, raw=True))
    said.append(Said(title="The episode's folder", words=trial.episode, raw=True))
    return Item(
        name=f"{trial.task} · seed {trial.seed}" + (f" · repeat {trial.repeat}" if trial.repeat else ""),
        title=episode.task if episode else trial.task,
        score=trial.reward or 0.0,
        badge="not over" if trial.reward is None else f"reward {trial.reward:g}",
        picture=LastScreen(episode.picture_of(steps[-1].seen), steps[-1].seen.size) if episode and steps else None,
        marks=_marks(steps[-1]) if steps else (),
        said=tuple(one for one in said if one.words),
        tags={"task": trial.task, "ended": trial.status.replace("_", " "), "steps": f"{trial.num_steps} steps"},
        position=position,
    )


def _episode(trial: Trial, root: Path) -> Episode | None:
    try:
        return Episode.open(root / trial.episode) if trial.episode else None
    except EpisodeError:  # taken away or damaged since: the report says what it still can
        return None


def _line(step: Step) -> str:
    actions = "; ".join(in_words(fate.action) for fate in step.fates())
    thought = shortened(step.prediction.thought or step.prediction.error or "", 200)
    return f"{step.index + 1}. {thought}" + (f" → {actions}" if actions else "")


def _marks(step: Step) -> tuple[Mark, ...]:
    points = [place_of(action) for action in step.prediction.actions]
    return tuple(Mark(kind="said", place=Place(point.x, point.y)) for point in points if point is not None)
