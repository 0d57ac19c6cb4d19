"""The demo, `python -m deftly.demo`: the bundled model works through MiniWoB++ tasks on a virtual desktop, and leaves a page to look at."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.episode import Episode

# Each with the seed that is shown; seeds below 1000 were never trained on.
TASKS = (
    "click-button",
    "click-color",
    "focus-text-2",
    "click-dialog-2",
    "click-tab",
    "enter-text",
    "login-user",
    "click-test-2",
)
NEEDED_SHARE = 0.8


def run_demo(tasks: Sequence[str], seed: int, out: Path) -> list[Episode]:
    """One episode of each task, told in the terminal as it happens, with a page over them all in `out`."""
    from rich.console import Console

    from agent.computers.miniwob import MiniWob
    from agent.page import write_page
    from agent.policy import ModelPolicy
    from deftly.progress import Progress
    from deftly.workplace import open_engine_for
    from evaluation.miniwob import run_trial
    from inference.families import load_family

    console = Console(highlight=False)
    console.print("Opening the bundled model and Chromium on a virtual desktop …")
    family = load_family("deftly-tiny")
    policy = ModelPolicy(open_engine_for(family, "transformers", {}), family)
    episodes = []
    with MiniWob() as computer:
        for number, task in enumerate(tasks, start=1):
            console.rule(f"[bold]{number}/{len(tasks)}  {task}")
            episode = run_trial(computer, policy, task, seed, out / "episodes", observers=[Progress(console)])
            episodes.append(episode)
            console.print(verdict(episode))
            write_page(episodes, out / "index.html", title="Deftly on MiniWoB++")
    policy.engine.close()
    return episodes


def verdict(episode: Episode) -> str:
    """The page's own verdict, as a line for the terminal."""
    count, seconds = len(episode.steps), episode.seconds
    steps = f"{count} step{'s' * (count != 1)}"
    if (episode.reward or 0) > 0:
        return f"[green]✓ solved[/], reward {episode.reward:g}, {steps}, {seconds:.1f} s"
    return f"[red]✗ not solved[/], reward {'none' if episode.reward is None else f'{episode.reward:g}'}, {steps}, {seconds:.1f} s"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deftly.demo", description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=TASKS, metavar="TASK")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for the episodes and the page (default: demo)")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args()
    started = time.monotonic()
    episodes = run_demo(options.tasks, options.seed, options.out)
    solved = [task for task, episode in zip(options.tasks, episodes, strict=True) if (episode.reward or 0) > 0]
    enough = len(solved) >= NEEDED_SHARE * len(episodes)
    seconds, page = time.monotonic() - started, options.out / "index.html"
    if options.json:
        print(json.dumps({"solved": solved, "tasks": list(options.tasks), "seconds": round(seconds, 1), "page": str(page)}))
    else:
        print(f"\nsolved {len(solved)} of {len(episodes)} tasks in {seconds:.0f} s; look at {page}")
    return 0 if enough else 1


if __name__ == "__main__":
    raise SystemExit(main())
