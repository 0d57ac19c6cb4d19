"""Matrix products. Read without gradients in float32 on a CPU, they are oneDNN's, each in one call with what follows it.

Of these shapes (80 to 2176 rows, 128 to 1408 columns) MKL, which torch takes, does 160 to 200 GFLOP/s on two Zen 4 cores and oneDNN 200 to
220; most apart they are where no side is a multiple of 16. Elsewhere, and wherever a weight is not plainly a tensor (an adapter, fewer
bits, a shard), these are torch's own functions.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

MIN_ROWS = 16  # below it small products cost more in the call than they save

Activation = Literal["none", "silu", "gelu", "gelu_tanh"]
_NAMES = {"none": ("none", ""), "silu": ("swish", ""), "gelu": ("gelu", "none"), "gelu_tanh": ("gelu", "tanh")}  # in oneDNN


class Linear(nn.Linear):
    """A linear layer; `fused` also applies an activation to what it gives."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


def fused(layer: nn.Module, x: Tensor, then: Activation) -> Tensor:
    """`then` of what `layer` makes of `x`."""
    if type(layer) is Linear:
        return linear(x, layer.weight, layer.bias, then=then)
    out: Tensor = _ACTIVATE[then](layer(x))
    return out


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, then: Activation = "none") -> Tensor:
    """`then` of `x` `[…, D]` times `weight` `[F, D]` plus `bias` `[F]`: `[…, F]`."""
    if onednn_computes(x, weight):
        name, algorithm = _NAMES[then]
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, name, [], algorithm)
    else:
        out = _ACTIVATE[then](functional.linear(x, weight, bias))
    return out


def gated(x: Tensor, gate: Tensor, up: Tensor) -> Tensor:
    """SiLU of `x` `[…, D]` by `gate` `[F, D]`, times `x` by `up` `[F, D]`: `[…, F]`."""
    opened = linear(x, gate, then="silu")
    if onednn_computes(x, up):
        out: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, opened, up, None, "mul")
        return out
    return opened * functional.linear(x, up)


def onednn_computes(x: Tensor, weight: Tensor) -> bool:
    """Whether the product of `x` `[…, D]` and a weight is oneDNN's."""
    return (
        x.device.type == "cpu"
        and x.dtype is weight.dtype is torch.float32
        and not torch.is_grad_enabled()
        and type(x) is Tensor
        and type(weight) in (Tensor, nn.Parameter)
        and x.numel() >= MIN_ROWS * x.shape[-1]
        and bool(torch.backends.mkldnn.enabled)
        and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


_ACTIVATE: dict[str, Any] = {
    "none": lambda x: x,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
}
