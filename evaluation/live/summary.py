"""The figures of a live run: success with intervals, the raw reward apart from it, and what it all cost.

Two figures stand for all tasks. `success` asks how well these tasks are solved: variants (task and seed) are drawn anew, and repeats of
one variant go together. `success_by_task` asks it of tasks of this kind: tasks are drawn, each counts the same.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evaluation.live.trial import Trial
from evaluation.statistics import figure, macro_figure


def live_as_json(trials: Sequence[Trial], suite: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """What `deftly eval SUITE --json` prints, and report.json holds. `about` is what run.json holds."""
    tasks = [_task(name, [trial for trial in trials if trial.task == name]) for name in dict.fromkeys(trial.task for trial in trials)]
    return {
        "suite": suite,
        "model": about.get("model"),
        "family": (about.get("family") or {}).get("name"),
        "dialect": (about.get("family") or {}).get("dialect"),
        "mean_success": statistics.fmean(task["success"] for task in tasks) if tasks else None,
        "summary": _summary(trials) if trials else None,
        "tasks": tasks,
        "trials": [trial.as_json() for trial in trials],
        "run": dict(about),
    }


def _summary(trials: Sequence[Trial]) -> dict[str, Any]:
    return {
        "success": _figure(trials, _solved),
        "success_by_task": macro_figure([_solved(t) for t in trials], [t.task for t in trials]).as_json(),
        "full_reward": _figure(trials, lambda trial: float(_reward(trial) >= 1)),
        "raw_reward": _figure(trials, _reward),
        "num_trials": len(trials),
        "num_tasks": len({trial.task for trial in trials}),
        "num_not_over": sum(trial.reward is None for trial in trials),
        "num_not_begun": sum(trial.status == "not_begun" for trial in trials),
        "statuses": {status: sum(t.status == status for t in trials) for status in sorted({t.status for t in trials})},
        "costs": costs(trials),
    }


def costs(trials: Sequence[Trial]) -> dict[str, float]:
    """In all, and what one trial, one step and one solved trial cost."""
    count, steps = len(trials), max(1, sum(trial.num_steps for trial in trials))
    seconds, tokens = sum(trial.seconds for trial in trials), sum(trial.prompt_tokens + trial.completion_tokens for trial in trials)
    solved = sum(trial.solved for trial in trials)
    return {
        "steps": sum(trial.num_steps for trial in trials),
        "seconds": round(seconds, 1),
        "model_seconds": round(sum(trial.model_seconds for trial in trials), 1),
        "prompt_tokens": sum(trial.prompt_tokens for trial in trials),
        "cached_tokens": sum(trial.cached_tokens for trial in trials),
        "completion_tokens": sum(trial.completion_tokens for trial in trials),
        "steps_per_trial": round(sum(trial.num_steps for trial in trials) / count, 2),
        "seconds_per_trial": round(seconds / count, 2),
        "seconds_per_step": round(seconds / steps, 3),
        "tokens_per_trial": round(tokens / count, 1),
        **({"seconds_per_solved": round(seconds / solved, 2), "tokens_per_solved": round(tokens / solved, 1)} if solved else {}),
    }


def _task(name: str, trials: Sequence[Trial]) -> dict[str, Any]:
    success = _figure(trials, _solved)
    return {
        "task": name,
        "success": success["mean"],
        "standard_error": success["standard_error"],
        "interval": success["interval"],
        "num_trials": len(trials),
        "num_seeds": success["num_episodes"],
        "raw_reward": _figure(trials, _reward),
        "mean_steps": statistics.fmean(trial.num_steps for trial in trials),
        "seconds_per_step": costs(trials)["seconds_per_step"],
        "tokens_per_trial": costs(trials)["tokens_per_trial"],
    }


def _figure(trials: Sequence[Trial], value: Callable[[Trial], float]) -> dict[str, Any]:
    return figure([value(trial) for trial in trials], [f"{trial.task}/{trial.seed}" for trial in trials]).as_json()


def _solved(trial: Trial) -> float:
    return float(trial.solved)


def _reward(trial: Trial) -> float:
    """0 where the task was not over."""
    return trial.reward or 0.0
