"""`deftly train`: episodes into a data set, a data set into a model, and the model out.

deftly train prepare EPISODES… --model DIR --family NAME --out DIR     what is learnt, exactly as the agent asks and the model answers
deftly train run CONFIG.yaml [--set KEY=VALUE …]                       train; the same command goes on after any stop
deftly train collect --model DIR --tasks TASK… --out DIR               play, keep what went well, correct what did not, learn from both
deftly train plan MODEL_OR_CONFIG [--gpus N]                           what a run takes in memory, before it is begun
deftly train export RUN --out DIR                                      a folder that vLLM serves, from the newest checkpoint
On several processes or machines: torchrun --nproc-per-node 8 -m deftly train run CONFIG.yaml
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from deftly.commands.train_collect import add_collect
from deftly.commands.train_plan import add_plan
from deftly.errors import UsageError

FORMS = ("episodes", "uitars", "agentnet", "sharegpt")


def train_command(arguments: Sequence[str]) -> int:
    """Run one of the verbs."""
    options = _parser().parse_args(list(arguments))
    verb: Callable[[argparse.Namespace], None] = options.verb
    _need_extra()
    verb(options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deftly train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add_prepare(verbs)
    _add_run(verbs)
    _add_export(verbs)
    add_plan(verbs)
    add_collect(verbs)
    return parser


def _add_prepare(verbs: Any) -> None:
    part = verbs.add_parser("prepare", help="turn episodes into a data set")
    part.set_defaults(verb=_prepare)
    part.add_argument(
        "source", nargs="+", type=Path, metavar="SOURCE", help="a folder of episodes, or files (or folders of files) of another form"
    )
    part.add_argument("--model", type=Path, required=True, metavar="DIR", help="the folder of the model that will be trained")
    part.add_argument("--family", required=True, metavar="NAME", help="the model's family, or the path of its .yaml file")
    part.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the data set goes: a folder that holds none yet")
    part.add_argument("--form", choices=FORMS, default="episodes", help="what SOURCE is (default: %(default)s)")
    part.add_argument("--on-bad-data", choices=("skip", "stop"), default="stop", help="it is told either way (default: %(default)s)")
    part.add_argument("--max-length", type=int, metavar="TOKENS", help="longer samples are split at a turn where that can be, or reported")
    part.add_argument("--min-reward", type=float, metavar="R", help="learn only from episodes whose judge gave as much")
    part.add_argument("--images", type=Path, metavar="DIR", help="where the pictures of uitars, agentnet and sharegpt files are")
    part.add_argument("--from-dialect", metavar="NAME", help="of uitars files: the dialect they are in, where it is not the family's")
    part.add_argument("--share-beginnings", action="store_true", help="compute once what many questions about one screen share")
    part.add_argument("--learn-pictures", action="store_true", help="of models whose pictures are tokens (Chameleon): learn these, too")
    part.add_argument("--json", action="store_true", help="print the report as JSON")


def _add_run(verbs: Any) -> None:
    part = verbs.add_parser("run", help="train, or go on with a run")
    part.set_defaults(verb=_run)
    part.add_argument("config", nargs="?", type=Path, metavar="CONFIG", help="a .yaml file; docs/training.md lists its keys")
    part.add_argument("--model", metavar="DIR", help="short for --set model=DIR")
    part.add_argument("--data", metavar="DIR", help="short for --set data.folder=DIR")
    part.add_argument("--out", metavar="DIR", help="short for --set out=DIR")
    part.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key, as in optimizer.learning_rate=1e-4")
    part.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_export(verbs: Any) -> None:
    part = verbs.add_parser("export", help="write the model of a run's newest checkpoint")
    part.set_defaults(verb=_export)
    part.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    part.add_argument("--out", type=Path, required=True, metavar="DIR")
    part.add_argument("--merge", action="store_true", help="of a LoRA run: one model of base and adapter")


def _prepare(options: argparse.Namespace) -> None:
    from inference.families import load_family
    from training.data.prepare import Order, prepare, sources_in

    order = Order(
        sources=tuple(sources_in(options.source, options.form)),
        model=options.model,
        out=options.out,
        form=options.form,
        on_bad_data=options.on_bad_data,
        max_length=options.max_length,
        min_reward=options.min_reward,
        images=options.images,
        from_dialect=options.from_dialect,
        share_beginnings=options.share_beginnings,
        learn_pictures=options.learn_pictures,
    )
    report = prepare(order, load_family(options.family), tell=lambda words: print(words, file=sys.stderr))
    if options.json:
        print(json.dumps(report.to_json()))
        return
    print(f"{options.out}: {report.exchanges} answers in {report.samples} samples, {report.tokens} tokens, the longest {report.longest}")
    print(f"{report.supervised} tokens are learnt, {report.pictures} pictures")
    for why, count in report.left_out.items():
        print(f"left out, {count}: {why}")
    if report.problems:
        print(f"{len(report.problems)} problems, listed in {options.out / 'report.json'}")


def _run(options: argparse.Namespace) -> None:
    from training.trainer.config import read_config
    from training.trainer.trainer import Trainer
    from training.trainer.world import joined_world

    short = {"model": options.model, "data.folder": options.data, "out": options.out}
    config = read_config(options.config, [*(f"{key}={value}" for key, value in short.items() if value), *options.set])
    with joined_world(config.device) as world:
        trainer = Trainer(config, world, quiet=options.quiet or not world.is_first)
        trainer.run()
        if world.is_first:
            print(f"{config.out}/model: trained for {trainer.step} steps, {trainer.tokens} tokens")


def _export(options: argparse.Namespace) -> None:
    from training.trainer.export import export_run

    export_run(options.run, options.out, merge=options.merge)
    print(options.out)


def _need_extra() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("pyarrow", "peft") if find_spec(name) is None]
    if missing:
        raise UsageError(f"training needs {' and '.join(missing)}: pip install 'deftly[train]'")
