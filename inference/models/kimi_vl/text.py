"""Moonlight, the language model: multi-head latent attention and a mixture of experts, over rows that may be packed.

    hidden [B, T, D]; what is kept of a token is its latent [R] and a rotated key [Dr], shared by all heads (DeepSeek-V2, arXiv 2405.04434)

Reading a prompt, keys and values are made from the latents. Writing an answer, one token at a time, the matrices that would make them are
moved to the query's and the output's side, so that latents are attended to as they are ("absorption", section 2.1.2 there).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.modeling_layers import GradientCheckpointingLayer

from inference.models.kimi_vl.attention import Segments, attend
from inference.models.kimi_vl.experts import MixtureOfExperts
from inference.models.products import Linear, gated


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.eps)


class MLP(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = Linear(width, inner, bias=False)
        self.up_proj = Linear(width, inner, bias=False)
        self.down_proj = Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if type(self.gate_proj) is type(self.up_proj) is Linear:
            opened = gated(x, self.gate_proj.weight, self.up_proj.weight)
        else:
            opened = functional.silu(self.gate_proj(x)) * self.up_proj(x)
        out: Tensor = self.down_proj(opened)
        return out


class Row(NamedTuple):
    """What every layer is told of the tokens it reads.

    `rotations` `[B, T, Dr / 2]` are complex. Either `segments` say who sees whom, with `key_index` `[K]` naming keys that several segments
    share; or `mask` does, `[B, 1, T or 1, S]`, true where seen. `cache` holds what was read before.
    """

    rotations: Tensor
    segments: Segments | None
    key_index: Tensor | None
    mask: Tensor | None
    cache: Any


def rotations(positions: Tensor, size: int, theta: float) -> Tensor:
    """Unit complex numbers `[B, T, size / 2]` for `positions` `[B, T]`."""
    speeds = theta ** (-torch.arange(0, size, 2, device=positions.device, dtype=torch.float32) / size)
    angles = positions[..., None].float() * speeds
    return torch.polar(torch.ones_like(angles), angles)


def turn(x: Tensor, by: Tensor) -> Tensor:
    """`x` `[B, T, H, D]`, neighbouring numbers as pairs, turned by `by` `[B, T, D / 2]`."""
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * by[:, :, None]).flatten(-2).to(x.dtype)


class LatentAttention(nn.Module):
    """Multi-head latent attention, without compression of the queries."""

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.num_heads = config.num_attention_heads
        self.nope, self.rope, self.value = config.qk_nope_head_dim, config.qk_rope_head_dim, config.v_head_dim
        self.rank = config.kv_lora_rank
        self.scale = (self.nope + self.rope) ** -0.5
        width, heads = config.hidden_size, self.num_heads
        self.q_proj = Linear(width, heads * (self.nope + self.rope), bias=False)
        self.kv_a_proj_with_mqa = Linear(width, self.rank + self.rope, bias=False)
        self.kv_a_layernorm = RMSNorm(self.rank, eps=1e-6)  # the class's own default in the published code, not rms_norm_eps
        self.kv_b_proj = Linear(self.rank, heads * (self.nope + self.value), bias=False)
        self.o_proj = Linear(heads * self.value, width, bias=False)

    def forward(self, x: Tensor, row: Row) -> Tensor:
        batch, length, _ = x.shape
        q_nope, q_rope = torch.split(self.q_proj(x).view(batch, length, self.num_heads, -1), [self.nope, self.rope], dim=-1)
        latent, k_rope = torch.split(self.kv_a_proj_with_mqa(x), [self.rank, self.rope], dim=-1)
        latent = self.kv_a_layernorm(latent)
        turned = turn(torch.cat([q_rope, k_rope[:, :, None]], dim=2), row.rotations)
        q_rope, k_rope = torch.split(turned, [self.num_heads, 1], dim=2)
        k_rope = k_rope[:, :, 0]
        if row.cache is not None:
            latent, k_rope = (kept[:, 0] for kept in row.cache.update(latent[:, None], k_rope[:, None], self.layer_idx))
        if length == 1 and row.cache is not None and self._may_absorb():
            seen = self._absorbed(q_nope, q_rope, latent, k_rope, row.mask)
        else:
            seen = self._expanded(torch.cat([q_nope, q_rope], dim=-1), latent, k_rope, row)
        out: Tensor = self.o_proj(seen.flatten(2))
        return out

    def _expanded(self, q: Tensor, latent: Tensor, k_rope: Tensor, row: Row) -> Tensor:
        """`q` `[B, T, H, D]`, `latent` `[B, S, R]`, `k_rope` `[B, S, Dr]` -> `[B, T, H, Dv]`."""
        made = self.kv_b_proj(latent).view(*latent.shape[:2], self.num_heads, -1)
        k_nope, v = torch.split(made, [self.nope, self.value], dim=-1)
        k = torch.cat([k_nope, k_rope[:, :, None].expand(-1, -1, self.num_heads, -1)], dim=-1)
        if row.segments is None:
            q, k, v = (x.transpose(1, 2) for x in (q, k, v))
            return functional.scaled_dot_product_attention(q, k, v, attn_mask=row.mask, scale=self.scale).transpose(1, 2)
        k_rows, v_rows = k.flatten(0, 1), v.flatten(0, 1)
        if row.key_index is not None:
            k_rows, v_rows = k_rows[row.key_index], v_rows[row.key_index]
        how = self.config._attn_implementation
        seen = attend(q.flatten(0, 1), k_rows, v_rows, row.segments, causal=True, scale=self.scale, how=how)
        return seen.view(*q.shape[:3], self.value)

    def _absorbed(self, q_nope: Tensor, q_rope: Tensor, latent: Tensor, k_rope: Tensor, mask: Tensor | None) -> Tensor:
        """The same for one token a row, `[B, 1, H, Dv]`, without making a key or a value of any latent."""
        per_head = self.kv_b_proj.weight.view(self.num_heads, -1, self.rank)
        to_key, to_value = torch.split(per_head, [self.nope, self.value], dim=1)
        q_latent = torch.einsum("bthd,hdr->bhtr", q_nope, to_key)
        scores = torch.matmul(q_latent[:, :, 0], latent.transpose(1, 2)) + torch.matmul(q_rope[:, 0], k_rope.transpose(1, 2))
        scores = scores.float() * self.scale
        if mask is not None:
            scores = scores.masked_fill(~mask[:, :, 0], float("-inf"))
        mixed = torch.matmul(scores.softmax(-1).to(latent.dtype), latent)
        return torch.einsum("bhr,hdr->bhd", mixed, to_value)[:, None]

    def _may_absorb(self) -> bool:
        """Not through an adapter or a quantised layer, whose weight alone is not what it computes."""
        return (
            type(self.kv_b_proj) is Linear
            and type(self.kv_b_proj.weight) is nn.Parameter
            and not torch.is_grad_enabled()
            and not torch.is_autocast_enabled(self.o_proj.weight.device.type)
        )


class DecoderLayer(GradientCheckpointingLayer):  # type: ignore[misc]
    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = LatentAttention(config, layer_idx)
        dense = layer_idx < config.first_k_dense_replace
        self.mlp = MLP(config.hidden_size, config.intermediate_size) if dense else MixtureOfExperts(config, MLP)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: Tensor, row: Row) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), row)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out
