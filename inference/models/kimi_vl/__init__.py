"""Kimi-VL (MoonshotAI, arXiv 2504.07491), native: without remote code, packed, and in the published layout.

config            the published names; attention, experts, text, vision: the parts; modeling: the whole
image_processing_kimi_vl, processing_kimi_vl   from pictures and text to model input; copied beside saved weights, for vLLM
tokens            the tiktoken vocabulary; folder: what stands beside the weights
"""

from __future__ import annotations

from functools import cache


@cache
def register() -> None:
    """Let transformers' Auto classes know Kimi-VL by its published `model_type`."""
    from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoModelForImageTextToText, AutoProcessor

    from inference.models.kimi_vl.config import MODEL_TYPE, KimiVLConfig
    from inference.models.kimi_vl.image_processing_kimi_vl import KimiVLImageProcessor
    from inference.models.kimi_vl.modeling import KimiVLForConditionalGeneration, KimiVLModel
    from inference.models.kimi_vl.processing_kimi_vl import KimiVLProcessor

    AutoConfig.register(MODEL_TYPE, KimiVLConfig, exist_ok=True)
    AutoModel.register(KimiVLConfig, KimiVLModel, exist_ok=True)
    AutoModelForImageTextToText.register(KimiVLConfig, KimiVLForConditionalGeneration, exist_ok=True)
    AutoImageProcessor.register(KimiVLConfig, slow_image_processor_class=KimiVLImageProcessor, exist_ok=True)
    AutoProcessor.register(KimiVLConfig, KimiVLProcessor, exist_ok=True)
