"""How a run lies on its GPUs, and what each of them then holds: replicated (DDP), or sharded as FSDP2 does it (ZeRO-1, 2, 3, HSDP).

FSDP2 always shards weights and optimizer states. What the stages differ in is what it keeps whole in between: with
`reshard_after_forward=False` the weights of all blocks from forward to backward pass (ZeRO-2), with gradients that are only reduced
before the update all gradients besides (ZeRO-1), else two blocks at a time, the one at work and the next (ZeRO-3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import Literal

from training.memory.trace import Part, Traced

LayoutName = Literal["ddp", "zero-1", "zero-2", "zero-3", "hsdp"]
Shapes = Sequence[tuple[int, ...]]
EIGHT_BIT_STATES = 2 * (1 + 4 / 256)  # of momentum and variance: a byte each, and an fp32 scale for 256 of them (Dettmers et al., 2022)
EIGHT_BIT_WEIGHTS = 1.0  # the scale of a row (LLM.int8) is less than a thousandth of it
FULL = 4  # gradients are reduced, and summed over packs, in fp32


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """`shards` processes divide what is sharded among them. `command` are the keys by which `deftly train run` does it, if it does."""

    name: LayoutName
    gpus: int
    shards: int
    command: str | None

    @property
    def is_sharded(self) -> bool:
        return self.name != "ddp"


def layouts(gpus: int, gpus_per_node: int) -> list[Layout]:
    """Those that make sense on `gpus`."""
    found = [Layout(name="ddp", gpus=gpus, shards=1, command="parallel.mode=ddp")]
    if gpus == 1:
        return found
    found += [Layout(name=name, gpus=gpus, shards=gpus, command=None) for name in ("zero-1", "zero-2")]
    found.append(Layout(name="zero-3", gpus=gpus, shards=gpus, command="parallel.mode=fsdp"))
    if gpus > gpus_per_node and gpus % gpus_per_node == 0:
        command = f"parallel.mode=hsdp parallel.shard_size={gpus_per_node}"
        found.append(Layout(name="hsdp", gpus=gpus, shards=gpus_per_node, command=command))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Bytes on the fullest GPU at its fullest moment. `logits` are among the `activations`, which weights cast to bf16 are too."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    buffers: float
    input: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EightBit:
    """What is kept in a byte a number (bitsandbytes): the optimizer's states, the frozen weights."""

    optimizer: bool = False
    frozen: bool = False


def estimate(traced: Traced, layout: Layout, *, compute_bytes: int, eight_bit: EightBit) -> Estimate:
    """What the step `traced` holds on each GPU of `layout`, where weights are computed with in `compute_bytes` a number."""
    share = sharded_share(traced.parts, layout.shards)
    weights = traced.weights - (_frozen_saved(traced) if eight_bit.frozen else 0)
    optimizer = traced.optimizer if not eight_bit.optimizer else traced.num_trained * EIGHT_BIT_STATES
    buffers = _buffers(traced.parts, layout, compute_bytes)
    gradients = traced.gradients * share + (FULL * traced.num_trained if layout.name == "zero-1" else 0.0)
    kept = layout.gpus > 1  # DDP keeps gradients in buckets, and over several packs they are summed: they have their place all the time
    busiest = max(traced.front, key=lambda moment: moment.others + (0 if kept else moment.gradients))
    most = busiest.others + (gradients if kept else busiest.gradients)
    standing = weights * share + (optimizer + traced.average) * share + traced.input
    updating = gradients + traced.update_others * share
    return Estimate(
        weights=weights * share,
        gradients=gradients,
        optimizer=(optimizer + traced.average) * share,
        activations=busiest.others,
        logits=busiest.logits,
        buffers=buffers,
        input=traced.input,
        total=standing + max(most + buffers, updating),
    )


def sharded_share(parts: Sequence[Part], shards: int) -> float:
    """The share of all numbers that the fullest process holds: FSDP2 divides the first dimension, rounded up."""
    if shards == 1:
        return 1.0
    shapes = [shape for part in parts for shape in (*part.trained, *part.frozen)]
    return sum(_sharded(shape, shards) for shape in shapes) / max(1, sum(map(prod, shapes)))


def _sharded(shape: tuple[int, ...], shards: int) -> int:
    return ceil(shape[0] / shards) * prod(shape[1:]) if shape else 1


def _buffers(parts: Sequence[Part], layout: Layout, compute_bytes: int) -> float:
    """Weights that are whole for a while, and gradients that are on their way to their shards."""
    if not layout.is_sharded:
        return 0.0
    *blocks, root = parts
    whole = [compute_bytes * sum(map(prod, (*part.trained, *part.frozen))) for part in blocks]
    resting = compute_bytes * sum(map(prod, (*root.trained, *root.frozen)))
    largest = max((sum(map(prod, part.trained)) for part in parts), default=0)
    on_their_way = 0 if layout.name == "zero-1" else (compute_bytes + FULL) * largest
    gathered = sum(sorted(whole)[-2:]) if layout.name in ("zero-3", "hsdp") else sum(whole)
    return float(resting + gathered + on_their_way)


def _frozen_saved(traced: Traced) -> float:
    frozen = sum(prod(shape) for part in traced.parts for shape in part.frozen)
    return traced.weights - traced.trained_weights - EIGHT_BIT_WEIGHTS * frozen
