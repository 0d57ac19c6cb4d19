"""What a model takes to serve: weights, the largest moment of reading (pictures and a prompt's chunk), and keys and values a token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import prod
from typing import Any, cast

import torch
from torch import Tensor

from training.memory.fitting import Hardware
from training.memory.ledger import Ledger, simulated
from training.memory.model import Screen, simulated_model, simulated_pack
from training.memory.trace import use_planned_attention
from training.packing import Pack
from training.varlen.network import PackedNetwork

NUMBER = 2  # bytes of a weight, and of a cached number: bf16


@dataclass(frozen=True, slots=True, kw_only=True)
class ServePlan:
    """Bytes on one GPU. `seeing` and `reading` are the most that is alive while a screenshot, or a prompt's chunk, is computed.

    `cache_tokens` fit beside them, which is `contexts` conversations of `context_tokens`; `screen_tokens` is one screenshot.
    """

    num_parameters: int
    weights: float
    seeing: float
    reading: float
    cache_per_token: int
    cache_tokens: int
    context_tokens: int
    contexts: float
    screen_tokens: int
    fits: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def plan_serving(model_config: Any, hardware: Hardware, screen: Screen, *, context_tokens: int = 16_384) -> ServePlan:
    """Of the model on one GPU in bf16, attention by kernels that keep no scores. States of recurrent layers, a few MB, are left out."""
    network = PackedNetwork(simulated_model(model_config, torch.bfloat16).eval())
    use_planned_attention(network)
    work = screen.workload(model_config, 1)
    pack = simulated_pack(model_config, work)
    weights = sum(NUMBER * parameter.numel() for parameter in network.parameters())
    seeing, reading = _seeing(network, pack), _reading(network, pack)
    room = hardware.usable - weights - max(seeing, reading)
    per_token = cache_bytes_per_token(model_config)
    tokens = max(0, int(room / per_token))
    return ServePlan(
        num_parameters=sum(prod(parameter.shape) for parameter in network.parameters()),
        weights=weights,
        seeing=seeing,
        reading=reading,
        cache_per_token=per_token,
        cache_tokens=tokens,
        context_tokens=context_tokens,
        contexts=tokens / context_tokens,
        screen_tokens=work.tokens - screen.text_tokens,
        fits=room > 0,
    )


def cache_bytes_per_token(model_config: Any) -> int:
    """Keys and values of all layers that attend; of multi-head latent attention the latent and its rotated part, as vLLM keeps them."""
    text = model_config.get_text_config()
    kinds = getattr(text, "layer_types", None) or ["full_attention"] * text.num_hidden_layers
    layers = sum("linear" not in kind and "mamba" not in kind for kind in kinds)
    if getattr(text, "kv_lora_rank", None):
        numbers = text.kv_lora_rank + text.qk_rope_head_dim
    else:
        head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        numbers = 2 * text.num_key_value_heads * head
    return int(layers * numbers * NUMBER)


def _seeing(network: PackedNetwork, pack: Pack) -> float:
    if pack.pixel_values is None:
        return 0.0
    return _peak(network, pack, lambda: network._look(cast(Tensor, pack.pixel_values), cast(Tensor, pack.grid_thw)))


def _reading(network: PackedNetwork, pack: Pack) -> float:
    return _peak(network, pack, lambda: network(pack, "last-logits"))


def _peak(network: PackedNetwork, pack: Pack, compute: Callable[[], Tensor]) -> float:
    ledger = Ledger()
    pixels = [] if pack.pixel_values is None else [pack.pixel_values]
    ledger.leave_out([*network.parameters(), *network.buffers(), *pixels])
    with simulated(), ledger, torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        compute()
    return float(ledger.peak_others)
