"""One round of learning from one's own runs on MiniWoB++: success before and after, on seeds that nothing was learnt from.

The bundled model plays each task, learns from what it did (`deftly train collect`: answers, then pairs), and is evaluated by
`evaluation.miniwob` before, after the answers, and after the pairs. Each difference is told with its standard error, paired by seed.

    python benchmarks/collect_round.py --out /tmp/round [--tasks click-option click-link] [--train-seeds 20] [--seeds 20]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from pathlib import Path

from agent.computers.miniwob import MiniWob
from agent.policy import ModelPolicy
from deftly.cli import main as deftly
from evaluation.miniwob import run_trial
from inference.engines.transformers import TransformersEngine
from inference.families import load_family
from inference.models import bundled_model

TRAINING = {
    "data.pack_length": 4096,
    "data.packs_per_step": 2,
    "data.held_out": 0,
    "data.workers": 0,
    "epochs": 2,
    "watch.every": 0,
    "watch.tensorboard": "false",
    "optimizer.learning_rate": 1e-5,
    "schedule.name": "constant",
}


def solved(model: Path, tasks: list[str], seeds: range, episodes: Path) -> list[bool]:
    """Of each task and seed, in order."""
    engine = TransformersEngine(model)
    policy = ModelPolicy(engine, load_family("deftly-tiny"))
    with MiniWob() as computer:
        rewards = [run_trial(computer, policy, task, seed, episodes).reward for task in tasks for seed in seeds]
    engine.close()
    return [reward is not None and reward > 0 for reward in rewards]


def share(values: list[bool]) -> str:
    mean = sum(values) / len(values)
    return f"{mean:.1%} ± {math.sqrt(mean * (1 - mean) / len(values)):.1%}"


def difference(before: list[bool], after: list[bool]) -> str:
    """In means, with the standard error of the paired differences."""
    changes = [int(b) - int(a) for a, b in zip(before, after, strict=True)]
    error = statistics.stdev(changes) / math.sqrt(len(changes))
    mean = statistics.mean(changes)
    return f"{mean:+.1%} ± {error:.1%}: {'more than' if abs(mean) > 2 * error else 'no more than'} chance gives"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", default=["click-option", "click-link"])
    parser.add_argument("--train-seeds", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    base = Path(bundled_model())
    settings = [item for key, value in TRAINING.items() for item in ("--set", f"{key}={value}")]
    settings += [item for change in options.set for item in ("--set", change)]
    seeds = f"1000000-{1_000_000 + options.train_seeds - 1}"
    command = ["train", "collect", "--model", str(base), "--out", str(options.out), "--tasks", *options.tasks, "--seeds", seeds]
    if code := deftly([*command, "--learn", "sft", "dpo", *settings]):
        raise SystemExit(code)
    models = {"before": base, "after answers": options.out / "sft/model", "after pairs": options.out / "dpo/model"}
    found = {name: solved(m, options.tasks, range(options.seeds), options.out / "eval") for name, m in models.items() if m.exists()}
    print(json.dumps(json.loads((options.out / "collect.json").read_text())))
    for name, values in found.items():
        print(f"{name:<14} {share(values)} of {len(values)}")
        if name != "before":
            print(f"{'':<14} {difference(found['before'], values)}")


if __name__ == "__main__":
    main()
