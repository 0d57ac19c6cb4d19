"""Operations are those that torch itself counts, attention by the pairs of tokens that see each other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.training.tiny_models import build, samples
from training.flops import forward_flops
from training.packing import make_pack
from training.varlen.network import PackedNetwork

LINEAR = {"mm", "addmm", "convolution"}


def _linear_flops(network: PackedNetwork, pack: Any) -> int:
    """Of the matrix products with weights, as torch counts them."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(pack, "logits")
    return sum(count for operator, count in counter.get_flop_counts()["Global"].items() if operator.__name__ in LINEAR)


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "qwen2_vl"])
def test_products_with_weights_are_counted_as_torch_counts_them(kind: str) -> None:
    network = PackedNetwork(build(kind))
    tested = samples(network.core)
    lengths = [len(sample.ids) for sample in tested]
    grids = [(picture.rows, picture.columns) for sample in tested for picture in sample.pictures]
    counted = _linear_flops(network, make_pack(tested))
    ours = forward_flops(network.core, lengths, grids)
    heads = network.core.config.get_text_config()
    attention = heads.num_hidden_layers * sum(2.0 * n**2 * heads.hidden_size for n in lengths)
    eyes = network.core.config.vision_config
    width = getattr(eyes, "embed_dim", None) or eyes.hidden_size
    whole = len(eyes.fullatt_block_indexes) if kind == "qwen2_5_vl" else eyes.depth
    windows = sum(4.0 * width * (eyes.depth - whole) * n * min(n, 16) for n in (24, 32, 16))
    seen = sum(4.0 * width * whole * n**2 for n in (24, 32, 16)) + windows
    assert ours - attention - seen == pytest.approx(counted, rel=1e-6)


def test_only_what_is_learnt_needs_logits_and_two_halves_need_less_attention_than_a_whole() -> None:
    model = build("deepseek_v3")
    head = model.get_output_embeddings().weight.numel()
    assert forward_flops(model, [40]) - forward_flops(model, [40], num_supervised=10) == 2 * head * 30
    assert forward_flops(model, [40]) - forward_flops(model, [20, 20]) > 0
