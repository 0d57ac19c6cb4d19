"""One simulated step of a run, by the trainer's own network, loss and optimizers: what is alive when."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from training.memory.ledger import Ledger, Moment, simulated
from training.memory.model import Workload, simulated_model, simulated_pack
from training.packing import Pack
from training.trainer.config import TrainConfig
from training.trainer.model import as_configured
from training.trainer.optimizers import build_optimizers
from training.trainer.world import blocks_of
from training.varlen.attention import register
from training.varlen.network import PackedNetwork

Target = Literal["cpu", "gpu"]
PLANNED = "deftly_planned"  # attention as our kernels keep it: queries, keys, values, output and log-sum-exp


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Parameters that are gathered together when weights are sharded: a block, or (last) what is in none. Shapes, trained or not."""

    trained: tuple[tuple[int, ...], ...]
    frozen: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """Bytes of one step on one device, nothing sharded.

    `input` is what the pack itself takes; `front` are moments of forward and backward pass, `update_others` the most that the optimizer
    makes for a moment while all gradients are there.
    """

    tokens: int
    input: int
    weights: int
    trained_weights: int
    gradients: int
    optimizer: int
    average: int
    front: tuple[Moment, ...]
    update_others: int
    parts: tuple[Part, ...]

    @property
    def num_parameters(self) -> int:
        return sum(_numel(shape) for part in self.parts for shape in (*part.trained, *part.frozen))

    @property
    def num_trained(self) -> int:
        return sum(_numel(shape) for part in self.parts for shape in part.trained)

    @property
    def states(self) -> int:
        return self.weights + self.optimizer + self.average + self.input

    @property
    def peak(self) -> int:
        """The most that is alive at once in one process that trains on packs of this shape."""
        most = max(moment.gradients + moment.others for moment in self.front)
        return self.states + max(most, self.gradients + self.update_others)


def trace(model_config: Any, config: TrainConfig, work: Workload, *, target: Target = "gpu", packs: int = 1) -> Traced:
    """A step of `config` on `packs` packs of the shape `work`.

    On a `cpu` attention is torch's, segment by segment, and the optimizer goes parameter by parameter; on a `gpu` attention is our
    kernels', and AdamW works on all parameters at once.
    """
    network = as_configured(simulated_model(model_config, getattr(torch, config.weights_dtype)), config)
    _drop_contents(network)
    if target == "gpu":
        use_planned_attention(network)
    parameters = list(network.parameters())
    trained = [p for p in parameters if p.requires_grad]
    pack = simulated_pack(model_config, work)
    ledger = Ledger(vocabulary=network.core.get_output_embeddings().weight.shape[0], most_logits=config.loss_chunk)
    ledger.leave_out([*parameters, *network.buffers(), *([] if pack.pixel_values is None else [pack.pixel_values])])
    ledger.watch_gradients(trained)
    with simulated(), ledger:
        for _ in range(packs):
            with torch.autocast("cpu", torch.bfloat16) if config.dtype == "bfloat16" else nullcontext():
                loss = network(pack)
            loss.backward()
            del loss
        front = tuple(ledger.front)
        optimizer, update = _update(network, config, ledger, target)
    return Traced(
        tokens=work.tokens,
        input=_pack_bytes(pack),
        weights=_bytes(parameters) + sum(buffer.nbytes for buffer in network.buffers()),
        trained_weights=_bytes(trained),
        gradients=_bytes(trained),
        optimizer=optimizer,
        average=_bytes(trained) if config.ema is not None else 0,
        front=front,
        update_others=update,
        parts=_parts(network),
    )


def _update(network: PackedNetwork, config: TrainConfig, ledger: Ledger, target: Target) -> tuple[int, int]:
    """Bytes that the optimizers keep, and the most that they make besides for a moment, once they have their states."""
    optimizers = build_optimizers(network, config.optimizer)
    before = ledger.begin()
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if target == "gpu" and "foreach" in group:
                group["foreach"] = True
        optimizer.step()
    kept = ledger.begin() - before
    for optimizer in optimizers:
        optimizer.step()
    return kept, ledger.peak_others - kept - before


def _parts(network: PackedNetwork) -> tuple[Part, ...]:
    blocks = blocks_of(network.core)
    mine: list[nn.Module] = [*blocks, network]
    seen: set[int] = set()
    parts = []
    for module in mine:
        new = [p for p in module.parameters() if id(p) not in seen]
        seen |= {id(p) for p in new}
        shapes = [[tuple(p.shape) for p in new if p.requires_grad is trained] for trained in (True, False)]
        parts.append(Part(trained=tuple(shapes[0]), frozen=tuple(shapes[1])))
    return tuple(parts)


def _drop_contents(network: nn.Module) -> None:
    """Adapters are made with contents; what is to be counted must have none."""
    for module in network.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None and not isinstance(parameter, FakeTensor):
                with simulated():
                    bare = torch.empty(parameter.shape, dtype=parameter.dtype)
                    module._parameters[name] = nn.Parameter(bare, requires_grad=parameter.requires_grad)


def use_planned_attention(network: PackedNetwork) -> None:
    """Let attention keep what Deftly's kernels keep, whatever the device that it is simulated on."""
    _register_planned()
    vision = getattr(network.core.config, "vision_config", None) is not None
    name: Any = {"text_config": PLANNED, "vision_config": f"{PLANNED}_flash"} if vision else PLANNED
    network.core.set_attn_implementation(name)


@cache
def _register_planned() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface

    register()
    for name in (PLANNED, f"{PLANNED}_flash"):
        AttentionInterface.register(name, _planned_attention)
        AttentionMaskInterface.register(name, lambda *_, **__: None)


def _planned_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    from inference.kernels.flash_attention.operators import attention_operator

    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    edges = [options[f"cu_seq_lens_{side}"] for side in "qk"]
    out, _ = attention_operator(q, k, v, *edges, 1, 1, 1.0, -1, -1, 0.0, False, "")
    return out[None], None


def _pack_bytes(pack: Pack) -> int:
    tensors = (pack.ids, pack.positions, pack.labels, pack.pixel_values)
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)


def _bytes(parameters: list[nn.Parameter]) -> int:
    return sum(parameter.nbytes for parameter in parameters)


def _numel(shape: tuple[int, ...]) -> int:
    number = 1
    for size in shape:
        number *= size
    return number
