"""Twenty shapes of attention on a GPU, outputs, log-sum-exps and gradients, against float64; or its kernels only compiled for Hopper.

python benchmarks/attention_gpu_check.py triton|gluon [--device cpu] [--compile]

`attention_gpu.py` runs it in processes of their own, so that a kernel that hangs or writes where it should not ends nothing but itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a bare machine: nothing is installed

from inference.kernels.flash_attention import calls, flash_attention_varlen, reference, use_implementation
from inference.kernels.flash_attention.settings import Settings

RAGGED = ((300, 300), (0, 5), (1, 517), (129, 257))
TINY = ((20, 20), (0, 5), (1, 33))
ANY = (-1, -1)


@dataclass(frozen=True)
class Shape:
    """`lengths`: queries and keys of each segment. The mask is `causal` with a `window`."""

    lengths: tuple[tuple[int, int], ...]
    heads: tuple[int, int]
    sizes: tuple[int, int]
    dtype: torch.dtype
    causal: bool
    window: tuple[int, int] = ANY
    softcap: float = 0.0

    def __str__(self) -> str:
        mask = f"{'causal' if self.causal else 'full'}{'' if self.window == ANY else f' window {self.window}'}"
        return f"D{self.sizes[0]}/{self.sizes[1]} {mask} {str(self.dtype)[6:]} heads {self.heads} lengths {self.lengths}"


def triton_shapes(device: str) -> list[Shape]:
    sizes = [(64, 64), (128, 128), (72, 72), (80, 80), (192, 128)] if device == "cuda" else [(32, 32)] * 5
    masks = [(False, ANY), (True, ANY), (True, (100, 0)), (False, (30, 60))]
    dtypes = (torch.bfloat16, torch.float16, torch.float32)
    lengths = RAGGED if device == "cuda" else TINY
    pairs = [(size, mask) for size in sizes for mask in masks]
    return [Shape(lengths, (4, 2), size, dtypes[n % 3], *mask, softcap=20.0 if n % 5 == 0 else 0.0) for n, (size, mask) in enumerate(pairs)]


def gluon_shapes() -> list[Shape]:
    """Ragged and even, one head and many, tiles that end early, fewer keys than queries, more tiles than a GPU has processors."""
    kinds = [
        (RAGGED, (4, 2)),
        (((128, 128),), (1, 1)),
        (((700, 90), (5, 1000)), (6, 1)),
        (((2048, 2048), (2048, 2048)), (16, 4)),
    ]
    sizes = ((64, 64), (128, 128))
    shapes = [Shape(*kind, size, torch.bfloat16, causal) for kind in kinds for size in sizes for causal in (True, False)]
    shapes += [Shape(RAGGED, (4, 4), size, torch.float16, True) for size in (*sizes, (256, 256))]
    return [*shapes, Shape(RAGGED, (8, 2), (256, 256), torch.bfloat16, False)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("implementation", choices=("triton", "gluon"))
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--compile", action="store_true", help="compile for Hopper and run nothing")
    options = parser.parse_args()
    if options.compile:
        return compile_only(options.implementation)
    with use_implementation(options.implementation):
        return check(options.implementation, options.device)


def check(name: str, device: str) -> int:
    """No further from float64 than 1.5 times eager attention in the same dtype, plus rounding."""
    wrong = 0
    shapes = gluon_shapes() if name == "gluon" else triton_shapes(device)
    for number, shape in enumerate(shapes):
        worst = ratio_to_eager(shape, device, seed=number)
        wrong += worst > 1
        print(f"  {name} {number + 1:2} {worst:5.2f} of what is allowed, {'right' if worst <= 1 else 'WRONG'}: {shape}", flush=True)
    if name == "gluon" and calls().get("triton.forward"):
        print("  gluon left shapes to triton: nothing was shown of it")
        return 1
    return 1 if wrong else 0


def ratio_to_eager(shape: Shape, device: str, seed: int) -> float:
    generator = torch.Generator().manual_seed(seed)
    num_q, num_k = (sum(pair[side] for pair in shape.lengths) for side in (0, 1))
    (heads, kv_heads), (size, value_size) = shape.heads, shape.sizes
    forms = ((num_q, heads, size), (num_k, kv_heads, size), (num_k, kv_heads, value_size), (num_q, heads, value_size))
    q, k, v, grad = (torch.randn(*form, generator=generator).to(device, shape.dtype) for form in forms)
    sides = list(zip(*shape.lengths, strict=True))
    starts = [torch.tensor([0, *torch.tensor(side).cumsum(0).tolist()], dtype=torch.int32, device=device) for side in sides]
    most = {"max_seqlen_q": max(sides[0]), "max_seqlen_k": max(sides[1])}
    options = {"causal": shape.causal, "window": shape.window, "softcap": shape.softcap}
    settings = Settings.of(head_size=size, scale=None, deterministic=False, **most, **options)

    def ours(*x: Tensor) -> tuple[Tensor, Tensor]:
        return flash_attention_varlen(*x, *starts, **most, **options, return_lse=True)

    def eager(*x: Tensor) -> tuple[Tensor, Tensor]:
        return reference.forward(*x, *starts, settings)

    exact, theirs, mine = (
        results(function, [x.to(kind) for x in (q, k, v)], grad.to(kind))
        for function, kind in ((eager, torch.float64), (eager, shape.dtype), (ours, shape.dtype))
    )
    if not all(x.isfinite().all() for x in mine):
        return float("inf")
    ratios = []
    for truth, other, result in zip(exact, theirs, mine, strict=True):
        floor = (4 if shape.dtype == torch.float32 else 0.5) * torch.finfo(shape.dtype).eps * float(truth.norm()) + 1e-5
        ratios.append(float((result.double() - truth).norm()) / (1.5 * float((other.double() - truth).norm()) + floor))
    return max(ratios)


def results(function: Callable[..., tuple[Tensor, Tensor]], inputs: list[Tensor], grad: Tensor) -> list[Tensor]:
    """The output, the log-sum-exp where keys are seen (and 0 where not), and the gradients."""
    inputs = [x.detach().requires_grad_() for x in inputs]
    out, lse = function(*inputs)
    seen = torch.where(torch.isneginf(lse), torch.zeros_like(lse), lse)
    return [out.detach(), seen.detach(), *torch.autograd.grad(out, inputs, grad)]


def compile_only(name: str) -> int:
    """Every kernel of the sweep, for sm_90: a table, and 1 if one spills or does without the tensor cores' warpgroup products."""
    bad = 0
    for kernel, spills, products, registers, shared in gluon_kernels() if name == "gluon" else triton_kernels():
        fine = spills == 0 and products > 0
        bad += not fine
        row = f"{registers} registers, {spills} spills, {products} warpgroup products, {shared} bytes of shared memory"
        print(f"  {name} {kernel:24} {row}, {'fine' if fine else 'BAD'}", flush=True)
    return 1 if bad else 0


def gluon_kernels() -> Iterator[tuple[str, int, int, int, int]]:
    from inference.kernels.flash_attention.gluon.compiled import compile_for_hopper, every_kernel
    from inference.kernels.flash_attention.gluon.shapes import candidates

    for kernel, (size, dtype, causal) in every_kernel().items():
        made = compile_for_hopper(size, dtype, candidates(size)[0], causal=causal)
        yield kernel, made.num_spills, made.num_wgmma, made.num_registers, made.shared_bytes


def triton_kernels() -> Iterator[tuple[str, int, int, int, int]]:
    from inference.kernels.flash_attention.triton.compiled import compile_for_hopper

    for kind in ("forward", "keys", "queries", "decode"):
        for size in (64, 80, 128, 256):
            made = compile_for_hopper(kind, size, size, torch.bfloat16)
            yield f"{kind} {size} bf16", made.num_spills, made.num_wgmma + made.num_mma, made.num_registers, made.shared_bytes


if __name__ == "__main__":
    sys.exit(main())
