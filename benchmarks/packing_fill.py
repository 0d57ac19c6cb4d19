"""How full packs are, and how evenly they cost: Deftly's packer beside next-fit, first-fit and best-fit decreasing, on GUI lengths.

The lengths: 1 to 5 screenshots of one of six screen sizes at Qwen2.5-VL's true token counts, and log-normal text. The others are written
here as their projects have them: next-fit (lmms-engine's `first_fit`), best fit over K open packs (its `best_fit`), unsorted first-fit
over 1,000 (axolotl), and best-fit decreasing over 1,000 (TRL, ms-swift).

    python benchmarks/packing_fill.py [--samples 20000] [--pack-length 16384] [--lookahead 1000] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from training.plan import Plan, Sizes

SCREEN_TOKENS = {1196: 0.25, 1323: 0.15, 2691: 0.35, 4641: 0.08, 10549: 0.02, 3354: 0.15}  # tokens of a screenshot: share
SCREENS = {1: 0.55, 2: 0.2, 3: 0.1, 4: 0.1, 5: 0.05}  # screenshots in a sample: share
Packs = list[list[int]]  # lengths in each pack


def gui_lengths(count: int, longest: int, seed: int = 0) -> list[int]:
    """True lengths in tokens; the few samples that are longer than a pack are drawn again."""
    rng = np.random.default_rng(seed)
    lengths: list[int] = []
    while len(lengths) < count:
        screens = rng.choice(list(SCREENS), p=list(SCREENS.values()))
        tokens = rng.choice(list(SCREEN_TOKENS), p=list(SCREEN_TOKENS.values()))
        length = int(screens * tokens + rng.lognormal(5.7, 0.6))
        if length <= longest:
            lengths.append(length)
    return lengths


def next_fit(lengths: Sequence[int], capacity: int) -> Packs:
    packs: Packs = [[]]
    for length in lengths:
        if sum(packs[-1]) + length > capacity:
            packs.append([])
        packs[-1].append(length)
    return packs


def best_fit_open(lengths: Sequence[int], capacity: int, num_open: int) -> Packs:
    done: Packs = []
    opened: Packs = []
    for length in lengths:
        fitting = [pack for pack in opened if sum(pack) + length <= capacity]
        if fitting:
            max(fitting, key=sum).append(length)
        else:
            if len(opened) == num_open:
                fullest = max(opened, key=sum)
                opened.remove(fullest)
                done.append(fullest)
            opened.append([length])
        done += [pack for pack in opened if sum(pack) >= 0.95 * capacity]
        opened = [pack for pack in opened if sum(pack) < 0.95 * capacity]
    return done + opened


def first_fit(lengths: Sequence[int], capacity: int, window: int) -> Packs:
    packs: Packs = []
    for start in range(0, len(lengths), window):
        here: Packs = []
        space: list[int] = []
        for length in lengths[start : start + window]:
            for index, free in enumerate(space):
                if free >= length:
                    here[index].append(length)
                    space[index] -= length
                    break
            else:
                here.append([length])
                space.append(capacity - length)
        packs += here
    return packs


def best_fit_decreasing(lengths: Sequence[int], capacity: int, window: int) -> Packs:
    packs: Packs = []
    for start in range(0, len(lengths), window):
        first = len(packs)
        space: list[tuple[int, int]] = []  # free tokens and pack, sorted
        for length in sorted(lengths[start : start + window], reverse=True):
            at = bisect_left(space, (length, -1))
            if at == len(space):
                packs.append([])
                index, free = len(packs) - 1, capacity
            else:
                free, index = space.pop(at)
            packs[index].append(length)
            insort(space, (free - length, index))
        assert sum(map(len, packs[first:])) == len(lengths[start : start + window])
    return packs


def deftly(lengths: Sequence[int], capacity: int, lookahead: int) -> Packs:
    plan = Plan(Sizes(lengths=lengths, supervised=lengths), pack_length=capacity, packs_per_step=8, lookahead=lookahead, epochs=1)
    return [[lengths[number] for number in pack.samples] for step in plan for pack in step.packs]


def row(name: str, pack: Callable[[], Packs], lengths: Sequence[int], capacity: int) -> dict[str, object]:
    started = time.perf_counter()
    packs = [pack for pack in pack() if pack]
    seconds = time.perf_counter() - started
    assert sorted(length for pack in packs for length in pack) == sorted(lengths), f"{name} lost a sample"
    sizes = Sizes(lengths=lengths, supervised=lengths)
    costs = np.array([sum(length + length**2 / sizes.equal_length for length in pack) for pack in packs])
    groups = costs[: len(costs) // 8 * 8].reshape(-1, 8)
    return {
        "packer": name,
        "fill": sum(lengths) / capacity / len(packs),
        "packs": len(packs),
        "slowest_of_8": float((groups.max(1) / groups.mean(1)).mean()),  # how long 8 ranks wait for the slowest, 1 is not at all
        "ms_a_pack": seconds / len(packs) * 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--pack-length", type=int, default=16_384)
    parser.add_argument("--lookahead", type=int, default=1000)
    parser.add_argument("--lengths", type=Path, help="a JSON list of lengths instead of the mixture")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    size, window = options.pack_length, options.lookahead
    lengths = json.loads(options.lengths.read_text()) if options.lengths else gui_lengths(options.samples, size)
    rows = [
        row("next-fit", lambda: next_fit(lengths, size), lengths, size),
        row("best fit, 4 open", lambda: best_fit_open(lengths, size, 4), lengths, size),
        row("best fit, 16 open", lambda: best_fit_open(lengths, size, 16), lengths, size),
        row(f"first-fit over {window}", lambda: first_fit(lengths, size, window), lengths, size),
        row(f"best-fit decreasing over {window}", lambda: best_fit_decreasing(lengths, size, window), lengths, size),
        row(f"deftly, look-ahead {window}", lambda: deftly(lengths, size, window), lengths, size),
    ]
    if options.json:
        print(json.dumps({"samples": len(lengths), "mean_length": float(np.mean(lengths)), "pack_length": size, "rows": rows}))
        return
    print(f"{len(lengths)} samples, mean {np.mean(lengths):.0f} tokens, packs of {size}")
    for r in rows:
        print(
            f"{r['packer']:<32} fill {r['fill']:.2%}  packs {r['packs']:>6}  8 ranks take {r['slowest_of_8']:.3f}x  {r['ms_a_pack']:.2f} ms"
        )


if __name__ == "__main__":
    main()
