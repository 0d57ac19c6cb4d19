"""`deftly train collect`: the model plays, what went well is kept, what went wrong is corrected, and it learns from both."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deftly.errors import UsageError

if TYPE_CHECKING:
    from agent.episode import Episode
    from inference.families import Family


def add_collect(verbs: Any) -> None:
    part = verbs.add_parser("collect", help="let the model play, and learn from what it did")
    part.set_defaults(verb=_collect)
    part.add_argument("--model", type=Path, required=True, metavar="DIR", help="the model that plays, and that learns")
    part.add_argument("--family", default="deftly-tiny", metavar="NAME", help="(default: %(default)s)")
    part.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where episodes, data sets and models go; goes on after a stop"
    )
    part.add_argument("--tasks", nargs="+", default=[], metavar="TASK", help="MiniWoB++ tasks; none: what is in --out/episodes already")
    part.add_argument("--seeds", default="1000000-1000009", metavar="A-B", help="variants of each task (default: %(default)s)")
    part.add_argument("--min-reward", type=float, default=1e-9, metavar="R", help="episodes with as much are learnt (default: above 0)")
    part.add_argument("--max-steps", type=int, metavar="N", help="and with so many steps at most")
    part.add_argument("--edits", type=Path, metavar="FILE", help="a person's better answers, by episode and step (docs/collect.md)")
    part.add_argument("--learn", choices=("sft", "dpo"), nargs="*", default=[], help="train on the answers, then on the pairs")
    part.add_argument("--beta", type=float, default=0.1, help="of DPO: how close the model stays to itself (default: %(default)s)")
    part.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key of both trainings")
    part.add_argument("--json", action="store_true", help="print the result as JSON")


def _collect(options: argparse.Namespace) -> None:
    from inference.families import load_family
    from training.collect.correction import read_edits
    from training.collect.dataset import write_answers, write_pairs
    from training.collect.selection import select

    family = load_family(options.family)
    edits = read_edits(options.edits) if options.edits else {}
    if options.tasks:
        _play(options, family)
    episodes = _episodes(options.out / "episodes")
    chosen = select(episodes, family, edits=edits, min_reward=options.min_reward, max_steps=options.max_steps)
    told: dict[str, Any] = {"episodes": len(episodes), **chosen.to_json()}
    if chosen.accepted:
        told["samples"] = write_answers(chosen.accepted, options.model, family, options.out / "accepted")
    if chosen.pairs:
        write_pairs(chosen.pairs, options.model, family, options.out / "pairs")
    model = options.model
    if "sft" in options.learn and chosen.accepted:
        told["sft"] = str(model := _learn_answers(options, model))
    if "dpo" in options.learn and chosen.pairs:
        told["dpo"] = str(_learn_pairs(options, model))
    (options.out / "collect.json").write_text(json.dumps(told, indent=2) + "\n")
    print(json.dumps(told) if options.json else "\n".join(f"{key}: {value}" for key, value in told.items()))


def _play(options: argparse.Namespace, family: Family) -> None:
    """What has not been played yet."""
    from agent.computers.miniwob import MiniWob, check_task
    from agent.policy import ModelPolicy
    from inference.engines.transformers import TransformersEngine
    from training.collect.play import Round, play

    for task in options.tasks:
        check_task(task)
    root = options.out / "episodes"
    done = {(episode.meta.get("miniwob_task"), episode.meta.get("seed")) for episode in _episodes(root)}
    rounds = [Round(task, seed) for task in options.tasks for seed in _seeds(options.seeds) if (task, seed) not in done]
    engine = TransformersEngine(options.model)
    try:
        with MiniWob() as computer:
            for episode in play(computer, ModelPolicy(engine, family), rounds, root):
                print(f"{episode.meta['miniwob_task']} {episode.meta['seed']}: reward {episode.reward}", file=sys.stderr)
    finally:
        engine.close()


def _episodes(root: Path) -> list[Episode]:
    """Those that have ended and were judged; what a stop cut short is played again."""
    from agent.episode import Episode, list_episodes

    return [episode for folder in list_episodes(root) if (episode := Episode.open(folder)).ended is not None and episode.steps]


def _seeds(text: str) -> range:
    found = re.fullmatch(r"(\d+)-(\d+)", text)
    if found is None or int(found[2]) < int(found[1]):
        raise UsageError(f"--seeds is {text!r}: it must be like 1000000-1000009")
    return range(int(found[1]), int(found[2]) + 1)


def _learn_answers(options: argparse.Namespace, model: Path) -> Path:
    from training.trainer.config import read_config
    from training.trainer.trainer import Trainer
    from training.trainer.world import joined_world

    out = options.out / "sft"
    config = read_config(None, [f"model={model}", f"out={out}", f"data.folder={options.out / 'accepted'}", *options.set])
    with joined_world(config.device) as world:
        Trainer(config, world).run()
    return Path(out / "model")


def _learn_pairs(options: argparse.Namespace, model: Path) -> Path:
    from training.trainer.config import read_config
    from training.trainer.preference import Preference, train_preferences

    out = options.out / "dpo"
    config = read_config(None, [f"model={model}", f"out={out}", f"data.folder={options.out / 'pairs'}", *options.set])
    rows = train_preferences(config, Preference(beta=options.beta), lambda row: print(json.dumps(row), file=sys.stderr))
    (out / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Path(out / "model")
