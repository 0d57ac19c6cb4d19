"""Flash attention: one interface, several implementations, and the eager reference that says what all of them must compute.

api          the functions that callers use; modules: the same as `nn.Module`s
validation   what inputs are accepted, in words
settings     how scores become weights: scale, window, soft cap
reference    eager, any dtype: the specification
tiled        pure torch, tile by tile: works wherever torch does
cpu/         C++ for AVX-512, AVX2 and plain vectors, built when first used
triton/      Triton, for GPUs
gluon/       Gluon, for Hopper: a forward pass whose warps are specialised; off until asked for
dispatch     which implementation computes a call, and how often each did
operators    the calls as torch operators, with fake tensors and gradients
merge        partial results over parts of the keys, put together
"""

from __future__ import annotations

from inference.kernels.flash_attention.api import flash_attention, flash_attention_varlen, paged_attention
from inference.kernels.flash_attention.dispatch import calls, use_implementation
from inference.kernels.flash_attention.errors import AttentionInputError
from inference.kernels.flash_attention.merge import merge_attention
from inference.kernels.flash_attention.modules import FlashAttention, PagedAttention, VarlenFlashAttention

__all__ = [
    "AttentionInputError",
    "FlashAttention",
    "PagedAttention",
    "VarlenFlashAttention",
    "calls",
    "flash_attention",
    "flash_attention_varlen",
    "merge_attention",
    "paged_attention",
    "use_implementation",
]
