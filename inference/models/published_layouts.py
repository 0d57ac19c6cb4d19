"""Weights that transformers 5.19 writes otherwise than they were published: here they are written as published, which is what vLLM reads.

Qwen3-VL's routed experts are published with inputs before outputs, and transformers holds them the other way round. It turns them when it
reads, by their shape; when it writes, what it holds has the shape that it expects, and so it turns nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def register() -> None:
    """Let transformers write Qwen3-VL's experts as it reads them."""
    from transformers.conversion_mapping import register_checkpoint_conversion_mapping
    from transformers.core_model_loading import Transpose, WeightConverter

    class PublishedTranspose(Transpose):  # type: ignore[misc]
        """Turns what is read where its shape asks for it, and always what is written."""

        @property
        def reverse_op(self) -> Any:
            return Transpose(dim0=self.dim1, dim1=self.dim0)

    experts = [
        WeightConverter(source_patterns=name, target_patterns=name, operations=[PublishedTranspose(1, 2, check_dims=True)])
        for name in ("mlp.experts.gate_up_proj", "mlp.experts.down_proj")
    ]
    register_checkpoint_conversion_mapping("qwen3_vl_moe", experts, overwrite=True)
