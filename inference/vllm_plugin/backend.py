"""Decoder attention over vLLM's pages: prompts, chunks of prompts and single tokens in one call of `paged_attention`.

Written against vLLM 0.32, whose cache of a layer is one tensor `[num_blocks, Hk, block_size, 2 · D]`, any strides; keys are its first half.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from vllm.v1.attention.backend import (
    AttentionBackend,
    AttentionCGSupport,
    AttentionImpl,
    AttentionMetadataBuilder,
    AttentionType,
    CommonAttentionMetadata,
    MultipleOf,
)

from inference.kernels.flash_attention import paged_attention
from inference.vllm_plugin.counts import count

# What outputs are multiplied by: tests show with it that they would notice if ours were wrong.
SPOILED = float(os.environ.get("DEFTLY_TEST_SPOILED_ATTENTION", "1"))


class DeftlyBackend(AttentionBackend):
    """`--attention-backend CUSTOM`."""

    forward_includes_kv_cache_update = False
    supported_dtypes: ClassVar[list[torch.dtype]] = [torch.float16, torch.bfloat16, torch.float32]
    supported_kv_cache_dtypes: ClassVar[list[Any]] = ["auto"]

    @staticmethod
    def get_name() -> str:
        return "CUSTOM"

    @staticmethod
    def get_impl_cls() -> type[DeftlyImpl]:
        return DeftlyImpl

    @staticmethod
    def get_builder_cls() -> type[DeftlyMetadataBuilder]:
        return DeftlyMetadataBuilder

    @staticmethod
    def get_supported_kernel_block_sizes(kv_cache_spec: Any = None) -> list[int | MultipleOf]:
        return [MultipleOf(16)]

    @classmethod
    def get_supported_head_sizes(cls) -> list[int]:
        return []  # any

    @classmethod
    def supports_non_causal(cls) -> bool:
        return True

    @classmethod
    def supports_sliding_window(cls) -> bool:
        return True

    @classmethod
    def supports_attn_type(cls, attn_type: str) -> bool:
        return bool(attn_type == AttentionType.DECODER)


class DeftlyCpuBackend(DeftlyBackend):
    """The same, in the place of vLLM's own on CPUs; vLLM looks its name up among those it knows."""

    @staticmethod
    def get_name() -> str:
        return "CPU_ATTN"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeftlyMetadata:
    """A batch of requests: what all layers of a step share."""

    num_tokens: int  # rows past it are padding
    cu_seqlens_q: Tensor
    seq_lens: Tensor
    block_table: Tensor
    slot_mapping: Tensor
    max_seqlen_q: int
    max_seqlen_k: int
    causal: bool


class DeftlyMetadataBuilder(AttentionMetadataBuilder[DeftlyMetadata]):
    _cudagraph_support = AttentionCGSupport.NEVER  # the number of split keys is chosen when a step is launched

    def __init__(self, kv_cache_spec: Any, layer_names: list[str], vllm_config: Any, device: torch.device) -> None:
        super().__init__(kv_cache_spec, layer_names, vllm_config, device)

    def build(self, common_prefix_len: int, common_attn_metadata: CommonAttentionMetadata, fast_build: bool = False) -> DeftlyMetadata:
        common = common_attn_metadata
        if not isinstance(common.causal, bool):
            raise NotImplementedError("Deftly's attention cannot mix causal and other requests in a step: serve with --attention auto")
        return DeftlyMetadata(
            num_tokens=common.num_actual_tokens,
            cu_seqlens_q=common.query_start_loc[: common.num_reqs + 1],
            seq_lens=common.seq_lens[: common.num_reqs],
            block_table=common.block_table_tensor[: common.num_reqs],
            slot_mapping=common.slot_mapping,
            max_seqlen_q=common.max_query_len,
            max_seqlen_k=common.max_seq_len,
            causal=common.causal,
        )


class DeftlyImpl(AttentionImpl[DeftlyMetadata]):
    """One layer. vLLM hands over these arguments by position."""

    def __init__(
        self,
        num_heads: int,
        head_size: int,
        scale: float,
        num_kv_heads: int | None = None,
        alibi_slopes: list[float] | None = None,
        sliding_window: int | None = None,
        kv_cache_dtype: str = "auto",
        logits_soft_cap: float | None = None,
        attn_type: str = AttentionType.DECODER,
        kv_sharing_target_layer_name: str | None = None,
        sinks: Tensor | None = None,
    ) -> None:
        wanted = {
            "ALiBi": alibi_slopes is not None,
            "attention sinks": sinks is not None,
            f"a cache in {kv_cache_dtype}": kv_cache_dtype not in ("auto", "float32", "bfloat16", "float16"),
            f"attention of type {attn_type}": attn_type != AttentionType.DECODER,
        }
        if missing := [what for what, asked in wanted.items() if asked]:
            raise NotImplementedError(f"Deftly's attention has no {', no '.join(missing)}: serve with --attention auto")
        self.num_heads, self.head_size, self.scale = num_heads, head_size, float(scale)
        self.num_kv_heads = num_kv_heads or num_heads
        self.sliding_window = sliding_window
        self.kv_cache_dtype = kv_cache_dtype
        self.softcap = logits_soft_cap or 0.0
        self.window = (-1, -1) if sliding_window is None else (sliding_window - 1, 0)
        count("layers")

    def do_kv_cache_update(self, layer: Any, key: Tensor, value: Tensor, kv_cache: Tensor, slot_mapping: Tensor) -> None:
        """Slots of -1 are padding: what stands in them goes to block 0, which vLLM leaves unused."""
        num_tokens, size = slot_mapping.shape[0], self.head_size
        slots = slot_mapping.clamp_min(0)
        blocks, places = slots // kv_cache.shape[2], slots % kv_cache.shape[2]
        kv_cache[blocks, :, places, :size] = key[:num_tokens]
        kv_cache[blocks, :, places, size:] = value[:num_tokens]

    def forward(
        self,
        layer: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        kv_cache: Tensor,
        attn_metadata: DeftlyMetadata | None,
        output: Tensor,
        output_scale: Tensor | None = None,
        output_block_scale: Tensor | None = None,
    ) -> Tensor:
        """Fill `output [T, H, D]` for `query [T, H, D]`; without metadata vLLM only measures memory."""
        if output_scale is not None or output_block_scale is not None:
            raise NotImplementedError("Deftly's attention does not quantise its output: serve with --attention auto")
        if attn_metadata is None:
            return output.fill_(0)
        size = self.head_size
        into = output[: attn_metadata.num_tokens].view(-1, self.num_heads, size)
        paged_attention(
            query[: attn_metadata.num_tokens].view(-1, self.num_heads, size),
            kv_cache[..., :size],
            kv_cache[..., size:],
            attn_metadata.block_table,
            attn_metadata.seq_lens,
            attn_metadata.cu_seqlens_q,
            max_seqlen_q=attn_metadata.max_seqlen_q,
            max_seqlen_k=attn_metadata.max_seqlen_k,
            causal=attn_metadata.causal,
            scale=self.scale,
            window=self.window,
            softcap=self.softcap,
            out=into,
        )
        if SPOILED != 1:
            into *= SPOILED
        count("decoder_calls")
        count("decoder_tokens", attn_metadata.num_tokens)
        return output
