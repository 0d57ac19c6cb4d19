"""The language model's weights in 8 or 4 bits, made while loading by torchao; what is computed in stays a float format.

int8: one scale an output (weights only). int4: a scale and a zero every 128 or 32 weights (weights only), in bfloat16. The eyes, the
embedding, the head and the routed experts, which are tensors and no layers, stay as they are.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from inference.engines.base import EngineError

if TYPE_CHECKING:
    import torch

QUANTIZATIONS = ("int8", "int4")
GROUPS = (128, 32)  # weights that share a scale in int4


class CannotQuantize(EngineError, ValueError):
    """The weights cannot be brought to so few bits; the message says why and what to do."""


def check_quantization(name: str | None) -> None:
    """Whether `name` can be done here, before a model is loaded.

    Raises:
        CannotQuantize: it is unknown, or torchao is not installed.
    """
    if name is None:
        return
    if name not in QUANTIZATIONS:
        raise CannotQuantize(f"quantize is {name!r}: it must be {' or '.join(QUANTIZATIONS)}")
    os.environ.setdefault("TORCHAO_FORCE_SKIP_LOADING_SO_FILES", "1")  # its own kernels for other formats, loudly missed on most machines
    try:
        import torchao  # noqa: F401
    except ImportError as error:
        raise CannotQuantize(f"quantize {name} needs torchao, which is not installed: pip install 'deftly[quant]'") from error


def format_for(name: str | None, dtype: torch.dtype | str, device: torch.device) -> torch.dtype | str:
    """What to load and compute in where `dtype` was asked for: int4 is for bfloat16, and on a CPU float32 takes it minutes a prompt."""
    import torch

    return torch.bfloat16 if name == "int4" and (dtype == "auto" or device.type == "cpu") else dtype


def quantize_language_model(model: Any, name: str, device: torch.device) -> None:
    """Bring the linear layers of `model`'s language model to `name`, one after the other on `device`, in place.

    Raises:
        CannotQuantize: no layer has a size that can be.
    """
    from torchao.quantization import quantize_

    core = model.model.language_model
    group = _group(core)
    config = _config(name, group, device)
    chosen = {path for path, module in core.named_modules() if _is_linear(module) and (name == "int8" or module.in_features % group == 0)}
    if not chosen:
        raise CannotQuantize(f"quantize {name}: no layer's size is a multiple of {GROUPS[-1]}: use int8, or leave it out")
    quantize_(core, config, filter_fn=lambda _, path: path in chosen, device=device)


def _is_linear(module: Any) -> bool:
    from torch import nn

    return isinstance(module, nn.Linear)


def _group(core: Any) -> int:
    """The largest group that all layers can be cut into, or the smallest where there is none."""
    sizes = [module.in_features for module in core.modules() if _is_linear(module)]
    return next((group for group in GROUPS if all(size % group == 0 for size in sizes)), GROUPS[-1])


def _config(name: str, group: int, device: torch.device) -> Any:
    """On a GPU the tiles of torch's tinygemm kernels, on a CPU those of its kernel for processors."""
    from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig

    if name == "int8":
        return Int8WeightOnlyConfig()
    if device.type == "cpu":
        from torchao.prototype.quantization.int4 import PrototypeInt4WeightOnlyConfig

        return PrototypeInt4WeightOnlyConfig(group_size=group, set_inductor_config=False)
    return Int4WeightOnlyConfig(group_size=group, int4_packing_format="tile_packed_to_4d", set_inductor_config=False)
