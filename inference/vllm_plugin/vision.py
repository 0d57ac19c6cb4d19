"""Attention of vLLM's vision towers: all windows or pictures of a step in one call."""

from __future__ import annotations

import torch
from torch import Tensor
from vllm.model_executor.layers.attention.mm_encoder_attention import MMEncoderAttention

from inference.kernels.flash_attention import flash_attention, flash_attention_varlen
from inference.vllm_plugin.counts import count


class DeftlyVisionAttention(MMEncoderAttention):
    """Registered as `MMEncoderAttention`: vLLM then makes this class wherever it would make its own."""

    def forward_native(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        cu_seqlens: Tensor | None = None,
        max_seqlen: Tensor | None = None,
        sequence_lengths: Tensor | None = None,
    ) -> Tensor:
        """`query [B, T, H · D]` or `[B, T, H, D]` -> the same shape; with `cu_seqlens`, B is 1 and each segment is by itself."""
        batch, num_queries = query.shape[:2]
        q, k, v = self.view_qkv_to_4d(query, key, value, batch, num_queries, key.shape[1])
        if cu_seqlens is None:
            out = flash_attention(q, k, v, scale=self.scale)
        else:
            longest = _longest(cu_seqlens, max_seqlen, num_queries)
            starts = cu_seqlens.to(torch.int32)
            out = flash_attention_varlen(
                q.flatten(0, 1),
                k.flatten(0, 1),
                v.flatten(0, 1),
                starts,
                starts,
                max_seqlen_q=longest,
                max_seqlen_k=longest,
                scale=self.scale,
            )
        count("vision_calls")
        count("vision_tokens", batch * num_queries)
        return out.reshape(query.shape)

    forward_cpu = forward_native
    forward_cuda = forward_native


def _longest(bounds: Tensor, given: Tensor | None, at_most: int) -> int:
    """vLLM says 0 on CPUs, where its own attention does not need it; on GPUs it says it in a tensor of the CPU, which costs no wait."""
    if bounds.device.type == "cpu":
        return int(bounds.diff().max()) if bounds.numel() > 1 else 0
    return int(given) if given is not None and given.device.type == "cpu" and int(given) else at_most
