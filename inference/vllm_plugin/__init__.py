"""Deftly's attention in vLLM 0.32: the entry point `vllm.general_plugins`, which vLLM calls in each of its processes.

backend   decoder attention over vLLM's pages
vision    attention of vision towers
counts    how often ours ran, in vLLM's `/metrics`
link      makes all this visible to another environment's vLLM, with nothing installed there

Nothing is registered unless `DEFTLY_VLLM_ATTENTION=1`: that Deftly is installed beside a vLLM must not change it. vLLM logs a plugin that
cannot be loaded and goes on with its own kernels, so whoever asked for ours looks for `deftly_attention_layers_total` in the metrics.
"""

from __future__ import annotations

import os

SWITCH = "DEFTLY_VLLM_ATTENTION"


def register() -> None:
    """Put our kernels in the place of vLLM's; calling it again does nothing."""
    if os.environ.get(SWITCH) != "1":
        return
    from vllm.model_executor.custom_op import CustomOp, op_registry_oot
    from vllm.platforms import current_platform
    from vllm.v1.attention.backends.registry import AttentionBackendEnum, register_backend

    from inference.vllm_plugin.counts import start
    from inference.vllm_plugin.vision import DeftlyVisionAttention

    start()
    register_backend(AttentionBackendEnum.CUSTOM, "inference.vllm_plugin.backend.DeftlyBackend")
    if current_platform.is_cpu():  # whatever is asked for there, vLLM takes what stands under this name
        register_backend(AttentionBackendEnum.CPU_ATTN, "inference.vllm_plugin.backend.DeftlyCpuBackend")
    if "MMEncoderAttention" not in op_registry_oot:
        CustomOp.register_oot(DeftlyVisionAttention, name="MMEncoderAttention")
