"""Offline step accuracy of the bundled model beside its live success, on the same held-out variants of MiniWoB++ tasks.

python benchmarks/offline_vs_live.py [--tasks click-button …] [--seeds 0-9] [--out DIR] [--json]

Experts solve each variant through screen and mouse (training/experts): what they did is recorded, with the screens. Offline, the model is
asked at every recorded step, its history being the expert's; its answers are scored as AgentNetBench's are, the target of a click being the
smallest element of the page at the expert's. Live, it works on the same variants itself and the page's own reward judges. The model was
trained on seeds from 1,000,000 on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.computers.miniwob import MiniWob
from agent.context import dialect_of
from agent.policy import ModelPolicy
from deftly.eval_live import read_seeds
from evaluation.datasets import load_dataset
from evaluation.metrics.base import Scored
from evaluation.miniwob import run_trial
from evaluation.run_folder import RunFolder
from evaluation.runner import Runner
from evaluation.scoring import score_answers
from evaluation.statistics import figure
from evaluation.steps import Box, EvalStep, Place
from evaluation.vocabularies.agentnet import AGENTNET
from inference.engines.base import Engine
from inference.engines.transformers import TransformersEngine
from inference.families import Family, load_family
from training.experts.page import AREA_CSS_PX, PAGES_FILE, Page
from training.experts.record import record
from training.experts.registry import get_expert

TASKS = (
    *("click-button", "click-checkboxes", "click-collapsible", "click-dialog-2", "click-link", "click-option", "click-shape"),
    *("click-tab-2-easy", "enter-password", "enter-text", "focus-text-2", "login-user"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", nargs="+", default=TASKS, metavar="TASK")
    parser.add_argument("--seeds", default="0-9", metavar="LIST")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the recordings, answers and episodes here")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = compare(options.tasks, read_seeds(options.seeds), options.out or Path(scratch))
    print(json.dumps(rows) if options.json else table(rows))


def compare(tasks: Sequence[str], seeds: Sequence[int], root: Path) -> list[dict[str, Any]]:
    """One row a task, and one for all."""
    family = load_family("deftly-tiny")
    engine = TransformersEngine(min_pixels=family.image.min_pixels, max_pixels=family.image.max_pixels)
    with MiniWob(settle=False) as computer:
        for task in tasks:
            record_held_out(task, computer, seeds, root / "recordings" / task)
    scored = ask_offline(root, engine, family)
    with MiniWob() as computer:
        rewards = {(task, seed): play(task, seed, computer, engine, family, root / "live") for task in tasks for seed in seeds}
    engine.close()
    rows = [row(task, [each for each in scored if each.step.tags["task"] == task], _of(task, rewards)) for task in tasks]
    return [*rows, row("all", scored, rewards)]


def record_held_out(task: str, computer: MiniWob, seeds: Sequence[int], root: Path) -> None:
    """Demonstrations without slips; those that did not solve their task are left out."""
    for episode in record(get_expert(task), computer, seeds, root, slip_rate=0.0):
        if not episode.reward or episode.reward <= 0:
            with suppress(FileNotFoundError):
                (episode.path / "episode.json").rename(episode.path / "unsolved.json")


def ask_offline(root: Path, engine: Engine, family: Family) -> Sequence[Scored]:
    """Every recorded step asked once, and scored."""
    data = load_dataset(root / "recordings")
    pages = {file.parent.name: file for file in (root / "recordings").glob(f"**/{PAGES_FILE}")}
    data = replace(data, steps=tuple(with_targets(step, pages[step.episode]) for step in data.steps))
    folder = RunFolder(root / "offline")
    Runner(engine=engine, family=family, vocabulary=AGENTNET, folder=folder, concurrency=1).run(data.steps)
    return score_answers(data, folder.answers(), dialect=dialect_of(family)).scored


def with_targets(step: EvalStep, pages: Path) -> EvalStep:
    """The step with the boxes of what was clicked, from the page that was kept beside its screen."""
    kept = (json.loads(line) for line in pages.read_text().splitlines())
    page = next(Page.from_json(each["page"]) for each in kept if each["index"] == step.step)
    wanted = tuple(replace(each, boxes=_targets(page, each.act.place)) if each.act.place else each for each in step.truth)
    return replace(step, options=(wanted, *step.options[1:]))


def _targets(page: Page, place: Place) -> tuple[Box, ...]:
    sides = [(each.box.x, each.box.y, each.box.width, each.box.height) for each in page.elements]
    boxes = [Box.from_corner(*(side / AREA_CSS_PX for side in each)) for each in sides]
    return tuple(sorted((box for box in boxes if box.holds(place)), key=lambda box: box.area)[:1])


def play(task: str, seed: int, computer: MiniWob, engine: Engine, family: Family, root: Path) -> float:
    """1 when the model solves the variant itself."""
    reward = run_trial(computer, ModelPolicy(engine, family), task, seed, root).reward
    return float(reward is not None and reward > 0)


def row(task: str, scored: Sequence[Scored], rewards: dict[tuple[str, int], float]) -> dict[str, Any]:
    episodes = [each.step.episode for each in scored]
    whole = {episode: all(each.success for each in scored if each.step.episode == episode) for episode in dict.fromkeys(episodes)}
    return {
        "task": task,
        "num_steps": len(scored),
        "step_success": figure([float(each.success) for each in scored], episodes).as_json(),
        "step_score": figure([each.score.score for each in scored], episodes).as_json(),
        "episode_success": figure([float(good) for good in whole.values()], list(whole)).as_json(),
        "live_success": figure(list(rewards.values()), [f"{name}/{seed}" for name, seed in rewards]).as_json(),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown, as in docs/evaluation.md."""
    lines = ["| task | recorded steps | steps right | step score | recordings all right | solved live |", "|---|---|---|---|---|---|"]
    names = ("step_success", "step_score", "episode_success", "live_success")
    return "\n".join(
        [*lines, *(f"| {each['task']} | {each['num_steps']} | {' | '.join(_cell(each[n]) for n in names)} |" for each in rows)]
    )


def _cell(told: dict[str, Any]) -> str:
    error = told["standard_error"]
    return f"{told['mean']:.0%}" + (f" ± {error:.0%}" if error is not None else "")


def _of(task: str, rewards: dict[tuple[str, int], float]) -> dict[tuple[str, int], float]:
    return {key: value for key, value in rewards.items() if key[0] == task}


if __name__ == "__main__":
    main()
