"""What attention costs on this CPU: ours, torch's own, and vLLM's paged kernel, side by side.

python benchmarks/attention_cpu.py [--rounds 7] [--threads 2] [--heads 16] [--vllm FOLDER] [--cases prefill,decode] [--json]

Each implementation runs in a process of its own, because they disturb each other: pools of threads, and what lies in the caches. `sdpa`
is `scaled_dot_product_attention`, called once for each segment, which is how it is used where rows are packed. `--vllm` is the folder of
an installed vLLM for the same version of torch (…/site-packages/vllm); only its library of kernels is loaded. Ratios are times less that
ours takes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

BLOCK_SIZE = 128  # vLLM's own on CPUs
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


@dataclass(frozen=True)
class Case:
    """Segments of equal numbers of queries and keys, unless `queries` says how many queries each has."""

    lengths: list[int]
    head_size: int = 128
    causal: bool = False
    queries: int | None = None
    backward: bool = False


CASES = {
    "prefill 1024": Case([1024], causal=True),
    "prefill 4096": Case([4096], causal=True),
    "full 1024": Case([1024]),
    "8 segments of 512": Case([512] * 8),
    "64 windows of 64, D 72": Case([64] * 64, head_size=72),
    "64 windows of 64, D 80": Case([64] * 64, head_size=80),
    "decode at 4096": Case([4096], causal=True, queries=1),
    "packed training 8x512": Case([512] * 8, causal=True, backward=True),
}
IMPLEMENTATIONS = ("ours", "sdpa", "vllm")
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> None:
    """Print medians in milliseconds, and ratios to ours."""
    options = arguments()
    if options.only:
        print(json.dumps(measure(options)))
        return
    times = {name: run_apart(name, options) for name in IMPLEMENTATIONS if name != "vllm" or options.vllm}
    print(json.dumps(times) if options.json else table(times))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--heads", type=int, default=16)
    parser.add_argument("--vllm", type=Path, help="folder of an installed vLLM, to measure its kernel too")
    parser.add_argument("--cases", default="", help="only cases whose names contain one of these words, separated by commas")
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="cpu: of the process, for one thread on a machine that others use too"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=IMPLEMENTATIONS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    words = [word for word in options.cases.split(",") if word]
    options.chosen = [name for name in CASES if not words or any(word in name for word in words)]
    return options


def run_apart(name: str, options: argparse.Namespace) -> dict[str, float]:
    done = subprocess.run([sys.executable, *sys.argv, "--only", name], stdout=subprocess.PIPE, text=True, check=True)
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times


def measure(options: argparse.Namespace) -> dict[str, float]:
    torch.set_num_threads(options.threads)
    prepare = {"ours": ours, "sdpa": sdpa, "vllm": vllm(options.vllm)}[options.only]
    times = {}
    for name in options.chosen:
        for dtype in DTYPES:
            torch.manual_seed(0)
            work = prepare(CASES[name], options.heads, DTYPES[dtype])
            if work is not None:
                times[f"{name}, {dtype}"] = median_ms(work, options.rounds, CLOCKS[options.clock])
    return times


def median_ms(work: Callable[[], Any], rounds: int, clock: Callable[[], float]) -> float:
    work()
    times = []
    for _ in range(rounds):
        start = clock()
        work()
        times.append(1e3 * (clock() - start))
    return statistics.median(times)


def tensors(case: Case, heads: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    num_keys = sum(case.lengths)
    num_queries = num_keys if case.queries is None else case.queries * len(case.lengths)
    q, k, v = (torch.randn(n, heads, case.head_size).to(dtype).requires_grad_(case.backward) for n in (num_queries, num_keys, num_keys))
    return q, k, v


def starts(lengths: list[int]) -> Tensor:
    return torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32)


def with_backward(case: Case, attend: Callable[[], Tensor], inputs: tuple[Tensor, ...]) -> Callable[[], Any]:
    if not case.backward:
        return torch.inference_mode()(attend)
    gradient = torch.randn_like(attend())
    return lambda: torch.autograd.grad(attend(), inputs, gradient)


def ours(case: Case, heads: int, dtype: torch.dtype) -> Callable[[], Any]:
    from inference.kernels.flash_attention import flash_attention_varlen, paged_attention

    q, k, v = tensors(case, heads, dtype)
    bounds, longest = starts(case.lengths), max(case.lengths)
    if case.queries is None:
        attend = lambda: flash_attention_varlen(q, k, v, bounds, bounds, max_seqlen_q=longest, max_seqlen_k=longest, causal=case.causal)  # noqa: E731
        return with_backward(case, attend, (q, k, v))
    cache, table, lens = pages(case, k, v)
    k_cache, v_cache = cache.chunk(2, dim=-1)
    bounds = starts([case.queries] * len(case.lengths))
    attend = lambda: paged_attention(q, k_cache, v_cache, table, lens, bounds, max_seqlen_q=case.queries, max_seqlen_k=longest)  # type: ignore[arg-type]  # noqa: E731
    return with_backward(case, attend, (q, k, v))


def sdpa(case: Case, heads: int, dtype: torch.dtype) -> Callable[[], Any]:
    q, k, v = tensors(case, heads, dtype)
    queries = case.lengths if case.queries is None else [case.queries] * len(case.lengths)
    causal = case.causal and case.queries is None  # a single query sees all

    def attend() -> Tensor:
        segments = zip(q.split(queries), k.split(case.lengths), v.split(case.lengths), strict=True)
        heads_first = [[x.transpose(0, 1)[None] for x in segment] for segment in segments]
        outs = [F.scaled_dot_product_attention(a, b, c, is_causal=causal)[0].transpose(0, 1) for a, b, c in heads_first]
        return torch.cat(outs) if len(outs) > 1 else outs[0]

    return with_backward(case, attend, (q, k, v))


def vllm(folder: Path | None) -> Callable[[Case, int, torch.dtype], Callable[[], Any] | None]:
    """vLLM's paged kernel, its keys and values already in the cache, its schedule already made."""

    def prepare(case: Case, heads: int, dtype: torch.dtype) -> Callable[[], Any] | None:
        if case.backward or case.head_size % 16 or folder is None:
            return None
        torch.ops.load_library(str(next(folder.glob("_C_AVX512*.so"))))
        q, k, v = tensors(case, heads, dtype)
        cache, table, lens = pages(case, k, v)
        halves = cache.view(*cache.shape[:2], 2 * BLOCK_SIZE, case.head_size).chunk(2, dim=2)
        isa = "vec" if case.head_size % 32 == 0 else "vec16"
        slots = torch.cat(
            [table[r, torch.arange(n) // BLOCK_SIZE] * BLOCK_SIZE + torch.arange(n) % BLOCK_SIZE for r, n in enumerate(case.lengths)]
        )
        torch.ops._C.cpu_attn_reshape_and_cache(k, v, *halves, slots.long(), isa, 1.0, 1.0, "auto")
        bounds = starts(case.lengths if case.queries is None else [case.queries] * len(case.lengths))
        shape = (len(case.lengths), heads, heads, case.head_size)
        plan = torch.ops._C.get_scheduler_metadata(*shape, lens, dtype, bounds, case.causal, -1, isa, True, None, "auto")
        out, scale = torch.empty_like(q), case.head_size**-0.5
        fixed = (bounds, lens, scale, case.causal, None, -1, table, 0.0, plan, None, None, 1.0, 1.0, "auto")
        return lambda: torch.ops._C.cpu_attention_with_kv_cache(q, *halves, out, *fixed)

    return prepare


def pages(case: Case, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Keys and values in a fused cache `[blocks, H, BLOCK_SIZE, 2 · D]`, blocks shuffled; the table of blocks, and lengths."""
    needed = [-(-length // BLOCK_SIZE) for length in case.lengths]
    order = torch.randperm(sum(needed)).to(torch.int32)
    cache = torch.zeros(sum(needed), k.shape[1], BLOCK_SIZE, 2 * case.head_size, dtype=k.dtype)
    table = torch.zeros(len(needed), max(needed), dtype=torch.int32)
    for row, (blocks, mine) in enumerate(zip(needed, order.split(needed), strict=True)):
        table[row, :blocks] = mine
        first, length = sum(case.lengths[:row]), case.lengths[row]
        for number, block in enumerate(mine.tolist()):
            here = slice(first + number * BLOCK_SIZE, first + min((number + 1) * BLOCK_SIZE, length))
            cache[block, :, : here.stop - here.start] = torch.cat([k[here], v[here]], dim=-1).transpose(0, 1)
    return cache, table, torch.tensor(case.lengths, dtype=torch.int32)


def table(times: dict[str, dict[str, float]]) -> str:
    others = [name for name in times if name != "ours"]
    lines = [f"{'':34}" + "".join(f"{name + ' ms':>12}" for name in times) + "".join(f"{name + '/ours':>12}" for name in others)]
    for case, mine in times["ours"].items():
        cells = [times[name].get(case) for name in times]
        ratios = [None if times[name].get(case) is None else times[name][case] / mine for name in others]
        shown = [f"{'-':>12}" if cell is None else f"{cell:12.2f}" for cell in cells]
        lines.append(f"{case:34}" + "".join(shown) + "".join(f"{'-':>12}" if ratio is None else f"{ratio:11.2f}x" for ratio in ratios))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
