"""The functions of `api` as modules, for networks that are built of modules. They hold options and no parameters."""

from __future__ import annotations

from torch import Tensor, nn

from inference.kernels.flash_attention.api import Window, flash_attention, flash_attention_varlen, paged_attention


class _Options(nn.Module):
    """What the three have in common."""

    def __init__(
        self,
        *,
        causal: bool = False,
        scale: float | None = None,
        window: Window = (-1, -1),
        softcap: float = 0.0,
        deterministic: bool = False,
    ) -> None:
        super().__init__()
        self.causal = causal
        self.scale = scale
        self.window = window
        self.softcap = softcap
        self.deterministic = deterministic

    def extra_repr(self) -> str:
        return f"causal={self.causal}, scale={self.scale}, window={self.window}, softcap={self.softcap}"


class FlashAttention(_Options):
    """`flash_attention` as a module: `q [B, Tq, H, D]`, `k [B, Tk, Hk, D]`, `v [B, Tk, Hk, Dv]` -> `[B, Tq, H, Dv]`."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return flash_attention(
            q,
            k,
            v,
            causal=self.causal,
            scale=self.scale,
            window=self.window,
            softcap=self.softcap,
            deterministic=self.deterministic,
        )


class VarlenFlashAttention(_Options):
    """`flash_attention_varlen` as a module: packed `q [Tq, H, D]`, `k [Tk, Hk, D]`, `v [Tk, Hk, Dv]` -> `[Tq, H, Dv]`."""

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor, max_seqlen_q: int, max_seqlen_k: int
    ) -> Tensor:
        return flash_attention_varlen(
            q,
            k,
            v,
            cu_seqlens_q,
            cu_seqlens_k,
            max_seqlen_q=max_seqlen_q,
            max_seqlen_k=max_seqlen_k,
            causal=self.causal,
            scale=self.scale,
            window=self.window,
            softcap=self.softcap,
            deterministic=self.deterministic,
        )


class PagedAttention(_Options):
    """`paged_attention` as a module: `q [T, H, D]` and caches `[num_blocks, Hk, block_size, D]` -> `[T, H, Dv]`."""

    def forward(
        self,
        q: Tensor,
        k_cache: Tensor,
        v_cache: Tensor,
        block_table: Tensor,
        seq_lens: Tensor,
        cu_seqlens_q: Tensor,
        max_seqlen_q: int,
        max_seqlen_k: int,
    ) -> Tensor:
        return paged_attention(
            q,
            k_cache,
            v_cache,
            block_table,
            seq_lens,
            cu_seqlens_q,
            max_seqlen_q=max_seqlen_q,
            max_seqlen_k=max_seqlen_k,
            causal=self.causal,
            scale=self.scale,
            window=self.window,
            softcap=self.softcap,
            deterministic=self.deterministic,
        )
