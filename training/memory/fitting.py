"""Which layouts fit a GPU, the largest pack that each can train on, and which one to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from training.memory.layouts import EightBit, Estimate, Layout, estimate, layouts
from training.memory.model import Screen, Workload
from training.memory.trace import Traced, trace
from training.trainer.config import TrainConfig

KEPT_FREE = 0.06  # of a GPU: the CUDA context, NCCL's buffers, and what the allocator cannot use
GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """`memory` in bytes of each of `gpus`, `gpus_per_node` of which are joined closely."""

    gpus: int = 1
    gpus_per_node: int = 8
    memory: float = 80 * GIB

    @property
    def usable(self) -> float:
        return self.memory * (1 - KEPT_FREE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A layout, what a pack of the wanted length takes on it, and how many tokens would fit (0: not even the model)."""

    layout: Layout
    estimate: Estimate
    largest_pack: int
    fits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """All choices for one run."""

    num_parameters: int
    num_trained: int
    pack_tokens: int
    choices: tuple[Choice, ...]
    recommended: Choice | None
    words: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def advise(model_config: Any, config: TrainConfig, hardware: Hardware, screen: Screen, *, eight_bit: EightBit | None = None) -> Advice:
    """Trace a step on one and on two screens, and say what follows for packs of `config.data.pack_length` tokens.

    Sharded weights come in the numbers that are computed with, so that autocast has nothing to cast; replicated ones are cast.
    """
    eight_bit = eight_bit or EightBit()
    works = [screen.workload(model_config, count) for count in (1, 2)]
    cast = config.dtype == "bfloat16" and config.weights_dtype == "float32"
    sharded = _traces(model_config, config, works, as_sharded=cast) if hardware.gpus > 1 or not cast else None
    replicated = _traces(model_config, config, works) if cast and _may_fit(model_config, config, hardware, sharded) else sharded
    first = (sharded or replicated or (None,))[0]
    assert first is not None
    choices = []
    for layout in layouts(hardware.gpus, hardware.gpus_per_node):
        pair = sharded if layout.is_sharded else replicated
        if pair is not None:
            choices.append(_choice(pair, layout, config, hardware, eight_bit))
    recommended = next((choice for choice in choices if choice.fits and choice.layout.command), None)
    return Advice(
        num_parameters=first.num_parameters,
        num_trained=first.num_trained,
        pack_tokens=config.data.pack_length,
        choices=tuple(choices),
        recommended=recommended,
        words=_words(recommended, choices, config, hardware),
    )


def _traces(model_config: Any, config: TrainConfig, works: Sequence[Workload], *, as_sharded: bool = False) -> tuple[Traced, Traced]:
    if not as_sharded:
        one, two = (trace(model_config, config, work) for work in works)
        return one, two
    traced = [trace(model_config, replace(config, weights_dtype="bfloat16"), work) for work in works]
    one, two = (_in_fp32(each) for each in traced)
    return one, two


def _in_fp32(traced: Traced) -> Traced:
    """The states of fp32 weights with the activations of bf16 ones."""
    moments = tuple(moment._replace(gradients=2 * moment.gradients) for moment in traced.front)
    return replace(
        traced,
        weights=2 * traced.weights,
        trained_weights=2 * traced.trained_weights,
        gradients=2 * traced.gradients,
        optimizer=2 * traced.optimizer,
        average=2 * traced.average,
        update_others=2 * traced.update_others,
        front=moments,
    )


def _may_fit(model_config: Any, config: TrainConfig, hardware: Hardware, known: tuple[Traced, Traced] | None) -> bool:
    """Whether a replicated run is worth a trace: on one GPU always, as there is no other; on several when its states alone would fit."""
    return known is None or known[0].states + known[0].gradients < hardware.memory


def _choice(pair: tuple[Traced, Traced], layout: Layout, config: TrainConfig, hardware: Hardware, eight_bit: EightBit) -> Choice:
    compute = 2 if "bfloat16" in (config.dtype, config.weights_dtype) else 4
    one, two = (estimate(traced, layout, compute_bytes=compute, eight_bit=eight_bit) for traced in pair)
    span = pair[1].tokens - pair[0].tokens
    share = (config.data.pack_length - pair[0].tokens) / span
    wanted = Estimate(**{name: _between(getattr(one, name), getattr(two, name), share) for name in asdict(one)})
    per_token = (two.total - one.total) / span
    room = hardware.usable - one.total
    largest = int(pair[0].tokens + room / per_token) if per_token > 0 else config.data.pack_length
    return Choice(layout=layout, estimate=wanted, largest_pack=max(0, largest), fits=wanted.total <= hardware.usable)


def _between(one: float, two: float, share: float) -> float:
    return max(0.0, one + (two - one) * share)


def _words(best: Choice | None, choices: Sequence[Choice], config: TrainConfig, hardware: Hardware) -> str:
    if best is not None:
        return f"deftly train run … --set {best.layout.command}: packs up to {best.largest_pack:,} tokens fit"
    mends = []
    longest = max((choice.largest_pack for choice in choices if choice.layout.command), default=0)
    if longest > 0:
        mends.append(f"packs of {longest:,} tokens at most (data.pack_length)")
    if not config.checkpoint_activations:
        mends.append("checkpoint_activations=true")
    if config.lora is None:
        mends.append("LoRA over bf16 weights (lora.rank=16 weights_dtype=bfloat16)")
    elif config.weights_dtype != "bfloat16":
        mends.append("weights_dtype=bfloat16")
    mends.append(f"more than {hardware.gpus} GPU{'s' if hardware.gpus > 1 else ''}")
    return f"packs of {config.data.pack_length:,} tokens do not fit: {', or '.join(mends)}"
