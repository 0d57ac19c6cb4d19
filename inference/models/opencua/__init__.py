"""OpenCUA (Wang et al., arXiv 2508.09123), native: Qwen2.5-VL's eyes before Qwen2, whose tokens are counted on one by one (1-D RoPE).

configuration_opencua   the published names; copied beside saved weights, for vLLM
modeling                the whole, from transformers' parts; folder: what stands beside the weights
"""

from __future__ import annotations

from functools import cache


@cache
def register() -> None:
    """Let transformers' Auto classes know OpenCUA by its published `model_type`."""
    from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText

    from inference.models.opencua.configuration_opencua import OpenCUAConfig
    from inference.models.opencua.modeling import OpenCUAForConditionalGeneration, OpenCUAModel

    AutoConfig.register(OpenCUAConfig.model_type, OpenCUAConfig, exist_ok=True)
    AutoModel.register(OpenCUAConfig, OpenCUAModel, exist_ok=True)
    AutoModelForImageTextToText.register(OpenCUAConfig, OpenCUAForConditionalGeneration, exist_ok=True)
