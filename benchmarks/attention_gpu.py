"""What attention costs on a GPU: our Triton and Gluon kernels beside SDPA's cuDNN and FlashAttention-2 backends and FlexAttention.

python benchmarks/attention_gpu.py [--out FOLDER] [--seconds 540] [--tune]

Needs torch and Triton only, and this checkout. Twenty shapes of each of ours are checked against float64 before anything is timed
(`attention_gpu_check.py`), in processes of their own: one that is wrong, hangs or crashes is left out, and the script ends with 1. Then
forward, backward, packed rows and decoding are timed until the seconds are used up, the most telling first, a shape's implementations one
after another. Writes a table, `attention_gpu.csv` and `attention_gpu.svg`, all with the card's name. An implementation that refuses a shape
shows as a gap. `--tune` looks for faster tiles first, and keeps them (`DEFTLY_ATTENTION_TUNE`): some minutes more.

Without a GPU, `--dry-run` compiles all kernels for Hopper, and `TRITON_INTERPRET=1 … --device cpu` runs all of it but Gluon on tiny shapes:
that proves the script, and times nothing.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a bare machine: nothing is installed

from inference.kernels.flash_attention import flash_attention, flash_attention_varlen, paged_attention, use_implementation

TOKENS = 16384  # of a batch, whatever its sequences' length
OURS = ("gluon", "triton")
NAMES = (*OURS, "cudnn", "fa2", "flex")
COLOURS = dict(zip(NAMES, ("#c0392b", "#e67e22", "#2c3e50", "#7f8c8d", "#2980b9"), strict=True))
CHECK = Path(__file__).with_name("attention_gpu_check.py")
CHECK_SECONDS = 150  # compiling included; a kernel that hangs costs no more


@dataclass(frozen=True)
class Case:
    """`kind`: forward, backward (both passes), varlen (8 segments) or decode (paged, one token each for 16 requests)."""

    kind: str
    length: int
    head_size: int
    causal: bool
    heads: int = 16
    kv_heads: int = 16
    tokens: int = TOKENS

    @property
    def batch(self) -> int:
        return 16 if self.kind == "decode" else 8 if self.kind == "varlen" else max(1, self.tokens // self.length)

    @property
    def flops(self) -> float:
        rows = 1 if self.kind == "decode" else self.length
        one = 4.0 * self.batch * self.heads * rows * self.length * self.head_size
        return one * (0.5 if self.causal and rows > 1 else 1.0) * (3.5 if self.kind == "backward" else 1.0)

    @property
    def bytes_read(self) -> float:
        return 2.0 * 2 * self.batch * self.kv_heads * self.length * self.head_size

    def __str__(self) -> str:
        return f"{self.kind} {self.length} D{self.head_size} {'causal' if self.causal else 'full'}"


CASES = [
    *(Case("forward", 16384, 128, causal) for causal in (False, True)),
    *(Case("backward", 16384, 128, causal) for causal in (False, True)),
    *(Case("decode", length, 128, causal=True, heads=32, kv_heads=8) for length in (4096, 16384)),
    *(Case("varlen", length, 128, causal=True) for length in (512, 2048)),
    *(Case("forward", length, 128, causal) for length in (1024, 4096) for causal in (False, True)),
    *(Case("backward", length, 128, causal) for length in (1024, 4096) for causal in (False, True)),
    *(Case("forward", 4096, size, causal) for size in (64, 256) for causal in (False, True)),
    *(Case("forward", 4096, size, causal=False) for size in (72, 80)),
]
TINY = [
    Case("forward", 64, 32, causal=True, heads=2, kv_heads=2, tokens=64),
    Case("backward", 64, 32, causal=True, heads=2, kv_heads=2, tokens=64),
    Case("varlen", 16, 32, causal=True, heads=2, kv_heads=2),
    Case("decode", 64, 32, causal=True, heads=2, kv_heads=1),
]


def main() -> int:
    """Check, time, write."""
    began = time.monotonic()
    options = arguments()
    if options.dry_run:
        print(f"torch {torch.__version__}, Triton {triton_version()}, no GPU needed: compiled for sm_90")
        return max(check(name, "--compile", seconds=3600.0) for name in OURS)
    if options.tune:
        os.environ["DEFTLY_ATTENTION_TUNE"] = "1"
    card = torch.cuda.get_device_name() if options.device == "cuda" else "no GPU: Triton's interpreter, no figures"
    print(f"{card}, torch {torch.__version__}, Triton {triton_version()}", flush=True)
    asked = OURS if options.device == "cuda" else ("triton",)
    right = [name for name in asked if check(name, "--device", options.device, seconds=CHECK_SECONDS) == 0]
    names = [name for name in NAMES if name in right or name not in OURS]
    rows = sweep(options.device, began + options.seconds, names)
    options.out.mkdir(parents=True, exist_ok=True)
    write_csv(options.out / "attention_gpu.csv", card, rows)
    (options.out / "attention_gpu.svg").write_text(drawn(card, rows))
    return 0 if len(right) == len(asked) else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--seconds", type=float, default=540.0, help="after which no other case is begun, checks included")
    parser.add_argument("--out", type=Path, default=Path("attention_gpu"))
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    return parser.parse_args()


def check(name: str, *options: str, seconds: float) -> int:
    """0 if the implementation is right; it is found out in a process of its own."""
    try:
        code = subprocess.run([sys.executable, str(CHECK), name, *options], timeout=seconds, check=False).returncode
    except subprocess.TimeoutExpired:
        print(f"  {name}: not done within {seconds:.0f} s; a kernel hangs, or the compiler is slow", flush=True)
        return 1
    if code:
        print(f"  {name} is left out: its check ended with {code}", flush=True)
    return int(code != 0)


def triton_version() -> str:
    import triton

    return str(triton.__version__)


# ---- how long does it take?


def sweep(device: str, deadline: float, names: list[str]) -> list[tuple[Case, dict[str, float]]]:
    rows = []
    print(f"{'':34}" + "".join(f"{name:>12}" for name in names) + "   TFLOP/s (GB/s for decode); ratios: the faster of ours / other")
    for case in CASES if device == "cuda" else TINY:
        if time.monotonic() > deadline:
            print(f"{case!s:34} not run: the seconds are used up")
            continue
        seconds = {name: timed(case, name, device) for name in names}
        rows.append((case, seconds))
        print(line(case, seconds), flush=True)
    return rows


def line(case: Case, seconds: dict[str, float]) -> str:
    figures = "".join(f"{'–' if value == 0 else format(speed(case, value), '.1f'):>12}" for value in seconds.values())
    ours = min((value for name, value in seconds.items() if name in OURS and value), default=0.0)
    ratios = (f"{name} {value / ours:.2f}x" for name, value in seconds.items() if name not in OURS and value and ours)
    return f"{case!s:34}{figures}   {', '.join(ratios)}"


def speed(case: Case, seconds: float) -> float:
    return case.bytes_read / seconds / 1e9 if case.kind == "decode" else case.flops / seconds / 1e12


def timed(case: Case, name: str, device: str) -> float:
    """Seconds of a call, the median; 0 where the implementation cannot do it."""
    try:
        with use_implementation(name if name in OURS else "auto"):
            call = prepared(case, name, device)
            call()
            return measured(call, device)
    except (RuntimeError, NotImplementedError, ValueError) as error:  # a backend that has no kernel for a shape says so by these
        print(f"  {name} on {case}: {str(error).splitlines()[0][:120]}", file=sys.stderr)
        return 0.0


def measured(call: Callable[[], object], device: str) -> float:
    if device == "cpu":
        began = time.perf_counter()
        call()
        return time.perf_counter() - began
    from triton.testing import do_bench

    return float(do_bench(call, warmup=50, rep=250, return_mode="median")) / 1e3


def prepared(case: Case, name: str, device: str) -> Callable[[], object]:
    dtype = torch.bfloat16
    rows = 1 if case.kind == "decode" else case.length
    q = torch.randn(case.batch, rows, case.heads, case.head_size, device=device, dtype=dtype)
    k, v, grad = (
        torch.randn(case.batch, case.length, heads, case.head_size, device=device, dtype=dtype)
        for heads in (case.kv_heads, case.kv_heads, case.heads)
    )
    if name == "gluon" and case.head_size not in (64, 128, 256):
        raise NotImplementedError("left to Triton")
    if case.kind == "decode":
        return decoding(q, k, v, name)
    if case.kind == "backward":
        for x in (q, k, v):
            x.requires_grad_()
        forward = attending(q, k, v, case, name)
        grad = grad if name in OURS else grad.transpose(1, 2)
        return lambda: torch.autograd.grad(forward(), (q, k, v), grad)
    if case.kind == "varlen" and name in OURS:
        starts = torch.arange(case.batch + 1, device=device, dtype=torch.int32) * case.length
        packed = [x.flatten(0, 1) for x in (q, k, v)]
        return lambda: flash_attention_varlen(
            *packed, starts, starts, max_seqlen_q=case.length, max_seqlen_k=case.length, causal=case.causal
        )
    return attending(q, k, v, case, name)  # the same work as a dense batch


def attending(q: Tensor, k: Tensor, v: Tensor, case: Case, name: str) -> Callable[[], Tensor]:
    if name in OURS:
        return lambda: flash_attention(q, k, v, causal=case.causal)
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    if name == "flex":
        return flex(q, k, v, case)
    return sdpa(q, k, v, name, causal=case.causal)


def sdpa(q: Tensor, k: Tensor, v: Tensor, name: str, *, causal: bool) -> Callable[[], Tensor]:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    backend = SDPBackend.CUDNN_ATTENTION if name == "cudnn" else SDPBackend.FLASH_ATTENTION

    def call() -> Tensor:
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=q.shape[1] != k.shape[1])

    return call


def flex(q: Tensor, k: Tensor, v: Tensor, case: Case) -> Callable[[], Tensor]:
    if q.device.type == "cpu":
        raise NotImplementedError("not compiled on a CPU")
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    mask = create_block_mask(lambda b, h, i, j: i >= j, None, None, q.shape[2], k.shape[2], device="cuda") if case.causal else None
    compiled = torch.compile(flex_attention, dynamic=False)
    return lambda: compiled(q, k, v, block_mask=mask, enable_gqa=q.shape[1] != k.shape[1])


def decoding(q: Tensor, k: Tensor, v: Tensor, name: str) -> Callable[[], Tensor]:
    if name in ("cudnn", "fa2"):
        return sdpa(*(x.transpose(1, 2) for x in (q, k, v)), name, causal=False)
    if name in ("flex", "gluon"):
        raise NotImplementedError("not compared in decoding; pages are Triton's")
    block = 16
    batch, length = k.shape[:2]
    pages = [x.unflatten(1, (-1, block)).flatten(0, 1).transpose(1, 2).contiguous() for x in (k, v)]
    table = torch.randperm(batch * length // block).to(q.device, torch.int32)
    pages = [x[torch.argsort(table.long())] for x in pages]  # block n of the sequences lies in page table[n]
    lengths = torch.full((batch,), length, dtype=torch.int32, device=q.device)
    starts = torch.arange(batch + 1, dtype=torch.int32, device=q.device)
    shape = {"max_seqlen_q": 1, "max_seqlen_k": length}
    return lambda: paged_attention(q[:, 0], *pages, table.view(batch, -1), lengths, starts, **shape)


# ---- what is left behind


def write_csv(path: Path, card: str, rows: list[tuple[Case, dict[str, float]]]) -> None:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(
            [
                "card",
                "torch",
                "triton",
                "kind",
                "length",
                "head_size",
                "causal",
                "batch",
                "heads",
                "kv_heads",
                "implementation",
                "ms",
                "speed",
                "unit",
            ]
        )
        for case, seconds in rows:
            shape = [case.kind, case.length, case.head_size, case.causal, case.batch, case.heads, case.kv_heads]
            unit = "GB/s" if case.kind == "decode" else "TFLOP/s"
            for name, value in seconds.items():
                if value:
                    out.writerow(
                        [card, torch.__version__, triton_version(), *shape, name, f"{value * 1e3:.4f}", f"{speed(case, value):.1f}", unit]
                    )


def drawn(card: str, rows: list[tuple[Case, dict[str, float]]]) -> str:
    """Bars for each case, as long as the speed is relative to the case's best."""
    height = 40 + len(rows) * 90
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{height}" font-family="sans-serif" font-size="12">']
    parts.append(
        f'<text x="10" y="20" font-size="14">{card}: bf16, TFLOP/s (GB/s in decoding), the fastest of each case at full length</text>'
    )
    for row, (case, seconds) in enumerate(rows):
        top = 40 + row * 90
        best = max((speed(case, value) for value in seconds.values() if value), default=1.0)
        parts.append(f'<text x="10" y="{top + 12}">{case}</text>')
        for place, (name, value) in enumerate(seconds.items()):
            rate = speed(case, value) if value else 0.0
            at = top + place * 16
            parts.append(f'<rect x="230" y="{at + 2}" width="{rate / best * 480:.0f}" height="12" fill="{COLOURS[name]}"/>')
            parts.append(f'<text x="{236 + rate / best * 480:.0f}" y="{at + 12}">{name} {rate:.1f}</text>')
    return "\n".join([*parts, "</svg>"])


if __name__ == "__main__":
    sys.exit(main())
