"""Records demonstrations and prepares them as shards: `python -m training.tiny.prepare --out DIR`. Stops and goes on at will."""

from __future__ import annotations

import argparse
import random
import shutil
import time
from pathlib import Path

from agent.computers.miniwob import MiniWob
from inference.families import load_family
from training.experts.record import FIRST_TRAINING_SEED, record
from training.experts.registry import EXPERTS, get_expert
from training.tiny.samples import Questioner, Sample, samples_of
from training.tiny.shards import write_shard


def prepare_chunk(out: Path, computer: MiniWob, task: str, first_seed: int, count: int, *, keep_episodes: bool) -> list[Sample]:
    """Samples of the demonstrations of one task on `count` seeds from `first_seed`."""
    expert, questioner, rng = get_expert(task), Questioner(load_family("deftly-tiny")), random.Random(f"{task}/{first_seed}")
    samples: list[Sample] = []
    for episode in record(expert, computer, range(first_seed, first_seed + count), out / "episodes" / task):
        if (episode.reward or 0) > 0:
            samples += samples_of(episode.path, expert, questioner, rng)
        if not keep_episodes:
            shutil.rmtree(episode.path)
    return samples


def _part(text: str) -> tuple[int, int]:
    own, _, parts = text.partition("/")
    if not (own.isdecimal() and parts.isdecimal() and 1 <= int(own) <= int(parts)):
        raise argparse.ArgumentTypeError(f"{text!r} is not K/N, such as 1/2")
    return int(own), int(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tasks", nargs="*", default=None, help="default: every task that has an expert")
    parser.add_argument("--chunk", type=int, default=24, help="episodes of a task between two shards")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--part", type=_part, default=(1, 1), metavar="K/N", help="which of N programs that share the tasks")
    parser.add_argument("--keep-episodes", action="store_true", help="keep the episodes beside the shards (about 30 KB a step)")
    options = parser.parse_args()
    own, parts = options.part
    tasks = (options.tasks or sorted(EXPERTS))[own - 1 :: parts]
    (options.out / "shards").mkdir(parents=True, exist_ok=True)
    with MiniWob(settle=False) as computer:
        for number in range(options.rounds):
            for task in tasks:
                shard = options.out / "shards" / f"{number:04d}-{task}.npz"
                if shard.exists():
                    continue
                started = time.monotonic()
                first_seed = FIRST_TRAINING_SEED + number * options.chunk
                samples = prepare_chunk(options.out, computer, task, first_seed, options.chunk, keep_episodes=options.keep_episodes)
                write_shard(shard, samples)
                print(f"{shard.name}: {options.chunk} episodes, {len(samples)} screens, {time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
