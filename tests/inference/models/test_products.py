"""Matrix products are the same numbers whoever computes them, and oneDNN's only where nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.models.kimi_vl.experts import Experts, Routing, summed_rows
from inference.models.products import Activation, Linear, fused, gated, linear, onednn_computes
from tests.inference.models.tiny_kimi import tiny_config

WANTED: dict[Activation, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
}


class FewerBits(Tensor):
    """Stands for a weight that is kept in another form."""


def close(ours: Tensor, wanted: Tensor) -> bool:
    ours, wanted = ours.detach().double(), wanted.detach()
    return ours.shape == wanted.shape and float((ours - wanted).abs().max()) <= 1e-6 * float(wanted.abs().max())


@pytest.mark.parametrize("then", list(WANTED))
@pytest.mark.parametrize("rows", [1, 8, 37])
def test_products_and_what_follows_are_those_of_doubles(then: Activation, rows: int) -> None:
    torch.manual_seed(rows)
    x, layer = torch.randn(2, rows, 33), Linear(33, 21)
    wanted = WANTED[then](functional.linear(x.double(), layer.weight.double(), layer.bias.double()))
    with torch.no_grad():
        assert onednn_computes(x, layer.weight) == (2 * rows >= 16)
        assert close(fused(layer, x, then), wanted)
    assert not onednn_computes(x, layer.weight)
    assert close(fused(layer, x, then), wanted)


@pytest.mark.parametrize("rows", [3, 40])
def test_a_gated_product_is_the_product_of_two(rows: int) -> None:
    x, gate, up = torch.randn(rows, 24), torch.randn(10, 24), torch.randn(10, 24)
    wanted = functional.silu(x.double() @ gate.double().T) * (x.double() @ up.double().T)
    with torch.inference_mode():
        assert close(gated(x, gate, up), wanted)


def test_gradients_half_precision_and_layers_of_others_are_torchs() -> None:
    x, layer = torch.randn(16, 8), Linear(8, 4)
    with torch.no_grad():
        assert onednn_computes(x, layer.weight)
        assert not onednn_computes(x.bfloat16(), layer.weight.bfloat16())
        assert not onednn_computes(x.to("meta"), layer.weight.to("meta"))
        assert not onednn_computes(x, layer.weight.as_subclass(FewerBits))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert layer(x).dtype == torch.bfloat16
    torch.autograd.backward(layer(x).sum())
    assert layer.weight.grad is not None

    class Adapted(Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + 1

    adapted = Adapted(8, 4)
    with torch.no_grad():
        assert close(fused(adapted, x, "silu"), functional.silu(linear(x, adapted.weight, adapted.bias).double() + 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_experts_answer_alike_with_and_without_gradients(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    config: Any = tiny_config().text_config
    experts = Experts(config).to(dtype)
    nn.init.normal_(experts.gate_up_proj, std=0.2)
    nn.init.normal_(experts.down_proj, std=0.2)
    x = torch.randn(50, config.hidden_size, dtype=dtype, requires_grad=True)
    chosen = torch.rand(50, config.n_routed_experts - 1).topk(config.num_experts_per_tok).indices  # one expert is asked by nobody
    routing = Routing(chosen, torch.rand(chosen.shape))
    per_expert = torch.bincount(chosen.flatten(), minlength=config.n_routed_experts)
    wanted = torch.zeros_like(x, dtype=torch.float64)
    for row, (names, weights) in enumerate(zip(chosen.tolist(), routing.weights.tolist(), strict=True)):
        for name, weight in zip(names, weights, strict=True):
            gate, up = (experts.gate_up_proj[name].double() @ x[row].double()).chunk(2)
            wanted[row] += weight * (experts.down_proj[name].double() @ (functional.silu(gate) * up))
    learnt = experts(x, routing, per_expert)
    assert close(learnt, wanted)
    with torch.no_grad():
        assert close(experts(x, routing, per_expert), wanted)
    (asked,) = torch.autograd.grad(wanted.sum(), x)
    (given,) = torch.autograd.grad(learnt.sum(), x)
    assert close(given, asked.double())


def test_rows_are_added_up_as_they_are_weighted() -> None:
    rows, places, weights = torch.randn(9, 5), torch.tensor([[0, 3], [8, 8]]), torch.tensor([[0.5, 2.0], [1.0, -1.0]])
    assert close(summed_rows(rows, places), rows.double()[places].sum(1))
    assert close(summed_rows(rows.double(), places, weights), (rows.double()[places] * weights[..., None]).sum(1))
    assert torch.equal(summed_rows(rows, places, weights)[1], torch.zeros(5))
