"""Attention over a pack, registered with transformers under names of its own: each segment attends to itself, and nothing else.

The text tower gets its segments from the trainer as `cu_seq_lens_q` and `cu_seq_lens_k`, the vision tower makes its own, one a picture
or a window. Vision towers call attention once for all segments only if the implementation's name contains "flash", hence the two names.
Facts about what transformers does otherwise, each a silent leak, are in docs/training.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from training.errors import NotPacked

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TEXT = "deftly_packed"
VISION = "deftly_packed_flash"
Varlen = Callable[..., "Tensor"]


@cache
def register() -> None:
    """Make both names known to transformers. No mask is built for them: the segments are the mask."""
    from transformers import AttentionInterface, AttentionMaskInterface

    for name, function in ((TEXT, _text_attention), (VISION, _vision_attention)):
        AttentionInterface.register(name, function)
        AttentionMaskInterface.register(name, _no_mask)


def use_packed_attention(model: Any) -> None:
    """Let every attention of a transformers model be ours; `use_library_attention` takes it back."""
    register()
    vision = getattr(model.config, "vision_config", None) is not None
    model.set_attn_implementation({"text_config": TEXT, "vision_config": VISION} if vision else TEXT)


def use_library_attention(model: Any) -> None:
    """transformers' own path, for one sample at a time."""
    vision = getattr(model.config, "vision_config", None) is not None
    model.set_attn_implementation({"text_config": "sdpa", "vision_config": "sdpa"} if vision else "sdpa")


def segment_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    *,
    max_seqlen_q: int,
    max_seqlen_k: int,
    causal: bool,
    scale: float | None = None,
    window: int | None = None,
    softcap: float = 0.0,
) -> Tensor:
    """`q` `[Tq, Hq, D]`, `k` `[Tk, Hk, D]`, `v` `[Tk, Hk, Dv]` -> `[Tq, Hq, Dv]`: torch's attention, once for each segment.

    A causal mask is aligned at the end of the keys, so that a segment whose keys begin earlier sees all of what stands before it.
    `window` keys at most are seen, the own one included.
    """
    import torch

    if softcap:
        raise NotPacked("this model caps its attention scores, which attention by segments does not do: use a CUDA device")
    group = q.shape[1] // k.shape[1]
    out = []
    edges_q, edges_k = cu_seqlens_q.tolist(), cu_seqlens_k.tolist()
    for number in range(len(edges_q) - 1):
        rows, keys = slice(edges_q[number], edges_q[number + 1]), slice(edges_k[number], edges_k[number + 1])
        q_HTD, k_HTD, v_HTD = (x.transpose(0, 1)[None] for x in (q[rows], k[keys], v[keys]))
        mask = _mask(q_HTD.shape[2], k_HTD.shape[2], window, q.device) if causal else None
        seen = torch.nn.functional.scaled_dot_product_attention(
            q_HTD,
            k_HTD.repeat_interleave(group, 1) if group > 1 else k_HTD,
            v_HTD.repeat_interleave(group, 1) if group > 1 else v_HTD,
            attn_mask=mask,
            is_causal=causal and mask is None,
            scale=scale,
        )
        out.append(seen[0].transpose(0, 1))
    return torch.cat(out)


def _mask(num_queries: int, num_keys: int, window: int | None, device: torch.device) -> Tensor | None:
    import torch

    if num_queries == num_keys and (window is None or window >= num_keys):
        return None
    seen = torch.ones(num_queries, num_keys, dtype=torch.bool, device=device).tril(num_keys - num_queries)
    return seen if window is None else seen.triu(num_keys - num_queries - window + 1)


def _text_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """A text layer's attention; `key_index` names the keys of segments that share a beginning."""
    if options.get("cu_seq_lens_q") is None:
        raise NotPacked(
            f"{type(module).__name__} was called without the boundaries of its segments (cu_seq_lens_q): packed samples would mix. "
            "Call the model through training.varlen.PackedNetwork"
        )
    return _attend(module, query, key, value, options, causal=True, key_index=options.get("key_index"))


def _vision_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """A vision layer's attention: within a picture, or a window of it."""
    if options.get("cu_seq_lens_q") is None:
        raise NotPacked(f"{type(module).__name__} was called without the boundaries of its pictures (cu_seq_lens_q)")
    return _attend(module, query, key, value, options, causal=False, key_index=None)


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any], *, causal: bool, key_index: Tensor | None
) -> tuple[Tensor, None]:
    """`query` `[1, H, T, D]` and the like -> `[1, T, H, Dv]`, as transformers wants it."""
    if query.shape[0] != 1:
        raise NotPacked(f"a pack is one row, and {type(module).__name__} got {query.shape[0]}")
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    if key_index is not None:
        k, v = k[key_index], v[key_index]
    asked = options.get("is_causal")
    longest = [_number(options[f"max_length_{side}"], options[f"cu_seq_lens_{side}"]) for side in "qk"]
    out = varlen_attention(q.device.type)(
        q,
        k,
        v,
        options["cu_seq_lens_q"],
        options["cu_seq_lens_k"],
        max_seqlen_q=longest[0],
        max_seqlen_k=longest[1],
        causal=causal if asked is None else bool(asked),
        scale=options.get("scaling"),
        window=options.get("sliding_window"),
        softcap=options.get("softcap") or 0.0,
    )
    return out[None], None


@cache
def varlen_attention(device_type: str) -> Varlen:
    """Deftly's own kernels; on a CPU one call of torch's attention a segment, unless `DEFTLY_ATTENTION` names one of ours."""
    if device_type == "cpu" and not os.environ.get("DEFTLY_ATTENTION"):
        return segment_attention
    return our_kernels


def our_kernels(q: Tensor, k: Tensor, v: Tensor, cu_q: Tensor, cu_k: Tensor, *, window: int | None, **options: Any) -> Tensor:
    """The same as `segment_attention`, by Deftly's kernels."""
    from inference.kernels.flash_attention import flash_attention_varlen

    out: Tensor = flash_attention_varlen(q, k, v, cu_q, cu_k, window=(-1, -1) if window is None else (window - 1, -1), **options)
    return out


def _number(longest: Any, cu_seqlens: Tensor) -> int:
    """The longest segment as a number; vision towers may leave it out, or give it as a tensor."""
    return int(cu_seqlens.diff().max() if longest is None else longest)


def _no_mask(*_: Any, attention_mask: Tensor | None = None, **__: Any) -> None:
    """Padding cannot be honoured without a mask, so it is refused rather than ignored."""
    if attention_mask is not None and not bool(attention_mask.all()):
        raise NotPacked("the batch is padded: pack it instead")
