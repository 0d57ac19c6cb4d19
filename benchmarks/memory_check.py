"""The memory planner beside what steps really take: full, with activations computed again, and LoRA, each in a process of its own.

A Qwen2.5-VL of random weights trains three steps by the trainer's own network, loss and optimizer; the third is measured, on a CPU by
every allocation that torch's profiler reports, on a GPU by its allocator. The plan knows the configuration and the shape of the pack.

    python benchmarks/memory_check.py                                                     # a small model on a CPU
    python benchmarks/memory_check.py --device cuda --size 3b --pack-length 8192 --bf16   # on a GPU
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from training.memory.measure import measured_rise, state_bytes
from training.memory.model import Workload
from training.memory.trace import trace
from training.trainer.config import DataConfig, LoraConfig, TrainConfig
from training.trainer.model import as_configured
from training.trainer.optimizers import build_optimizers

CASES: dict[str, dict[str, Any]] = {
    "full": {},
    "activations computed again": {"checkpoint_activations": True},
    "LoRA": {"lora": LoraConfig()},
}
SMALL = {"hidden": 256, "layers": 4, "heads": 4, "kv": 2, "wide": 768, "vocabulary": 4096, "eyes": 128, "depth": 3, "eye_wide": 256}


def check(case: str, options: argparse.Namespace) -> dict[str, Any]:
    """Bytes that were planned and measured for one case."""
    from training_mfu import SIZES, build, pack_of

    model = build(SIZES.get(options.size, SMALL), options.device)
    dtype = "bfloat16" if options.bf16 else "float32"
    weights = "bfloat16" if options.bf16 and case == "LoRA" else "float32"
    config = TrainConfig(model="", out="", data=DataConfig(folder=""), dtype=dtype, weights_dtype=weights, **CASES[case])  # type: ignore[arg-type]
    pack, _, _ = pack_of(options.pack_length, model.config, (20, 20) if options.size == "small" else (54, 96), np.random.default_rng(0))
    work = Workload.of(pack)
    planned = trace(model.config, config, work, target="gpu" if options.device == "cuda" else "cpu")
    network = as_configured(model.to(getattr(torch, weights)), config).to(options.device)
    pack = pack.to(options.device)
    optimizers = build_optimizers(network, config.optimizer)

    def step() -> None:
        with torch.autocast(options.device, torch.bfloat16) if options.bf16 else nullcontext():
            loss = network(pack)
        (loss / pack.num_supervised).backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    step()
    step()
    rise = measured_rise(step, torch.device(options.device))
    measured = state_bytes(network, optimizers) + planned.input + rise
    return {"case": case, "planned": planned.peak, "measured": measured, "rise": rise, "planned_rise": planned.peak - planned.states}


def _child(case: str, options: argparse.Namespace, queue: Any) -> None:
    torch.set_num_threads(options.threads)
    queue.put(check(case, options))


def isolated(case: str, options: argparse.Namespace) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_child, args=(case, options, queue))
    process.start()
    row: dict[str, Any] = queue.get(timeout=580)
    process.join()
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", default="small", help="small, or a size of training_mfu.py")
    parser.add_argument("--pack-length", type=int, default=1024)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [isolated(case, options) for case in options.cases]
    if options.json:
        print(json.dumps(rows))
        return
    for row in rows:
        planned, measured = row["planned"] / 2**20, row["measured"] / 2**20
        print(f"{row['case']:<28} planned {planned:9.1f} MiB  measured {measured:9.1f} MiB  ratio {planned / measured:.3f}")
        print(f"{'  of that, in the step':<28} planned {row['planned_rise'] / 2**20:9.1f} MiB  measured {row['rise'] / 2**20:9.1f} MiB")


if __name__ == "__main__":
    main()
