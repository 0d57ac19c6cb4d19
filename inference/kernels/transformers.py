"""Deftly's attention in transformers' models: the name `deftly_flash`, for text and for vision towers.

    set_attention(model)
    model(**batch, cu_seq_lens_q=cu, cu_seq_lens_k=cu, max_length_q=n, max_length_k=n)  # packed rows [1, T]

What cannot be honoured is refused: a mask that is not causal, windowed, packed or padding, attention sinks, biases, dropout.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from inference.kernels.flash_attention import AttentionInputError, flash_attention_varlen

NAME = "deftly_flash"

# What transformers passes by keyword and we have no use for when it is absent: given, it would change the result.
_CANNOT = {
    "s_aux": "attention sinks",
    "position_bias": "position biases",
    "head_mask": "head masks",
    "output_attentions": "returned weights",
    "cache": "transformers' paged cache",
}

# The parts of a mask that segments, `causal` and `window` express.
_KNOWN_MASKS = {"causal_mask_function", "bidirectional_mask_function", "sliding_window_overlay", "packed_sequence_mask_function"}


class MaskNotHonoured(AttentionInputError):
    """A model asked for a mask that these kernels cannot express; the message says which, and what to use."""


def register() -> None:
    """Make `deftly_flash` known to transformers; calling it again does nothing."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(NAME, attention_forward)
    AttentionMaskInterface.register(NAME, attention_mask)


def set_attention(model: Any, name: str = NAME) -> None:
    """Let all of a loaded `model`, its vision tower too, compute attention by `name`.

    The name goes into the configurations, not through `from_pretrained` or `set_attn_implementation`: because of the word in the name,
    these look for an installed flash-attn package. It has to be there: a vision tower hands over all of its windows in one call only to an
    implementation whose name contains "flash".
    """
    register()
    model.config._attn_implementation = name  # transformers passes it on to the configurations within


def attention_forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    is_causal: bool | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    cu_seq_lens_q: Tensor | None = None,
    cu_seq_lens_k: Tensor | None = None,
    max_length_q: int | None = None,
    max_length_k: int | None = None,
    position_ids: Tensor | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it: `query [B, H, Tq, D]`, `key [B, Hk, Tk, D]`, `value [B, Hk, Tk, Dv]` -> `[B, Tq, H, Dv]`.

    Raises:
        MaskNotHonoured: the call asks for something that would be left out.
        AttentionInputError: the tensors do not fit together.
    """
    _refuse(dropout, options)
    causal = bool(getattr(module, "is_causal", True)) if is_causal is None else is_causal
    batch, _, num_queries, _ = query.shape
    num_keys = key.shape[2]
    packed = [x.transpose(1, 2).flatten(0, 1) for x in (query, key, value)]
    kept: tuple[Tensor | None, Tensor | None] = (None, None)
    if cu_seq_lens_q is not None and cu_seq_lens_k is not None:
        bounds = (_boundaries(cu_seq_lens_q, "cu_seq_lens_q"), _boundaries(cu_seq_lens_k, "cu_seq_lens_k"))
    elif attention_mask is not None:
        kept, bounds = _from_padding(attention_mask, batch, num_queries, num_keys)
        packed = [x if keep is None else x[keep] for x, keep in zip(packed, (kept[0], kept[1], kept[1]), strict=True)]
    elif (restarts := _restarts(position_ids, batch, num_queries, num_keys)) is not None:
        bounds = (restarts, restarts)
    else:
        bounds = (_even(batch, num_queries, query.device), _even(batch, num_keys, query.device))
        max_length_q, max_length_k = num_queries, num_keys
    out = flash_attention_varlen(
        packed[0],
        packed[1],
        packed[2],
        *bounds,
        max_seqlen_q=_longest(bounds[0], max_length_q, num_queries),
        max_seqlen_k=_longest(bounds[1], max_length_k, num_keys),
        causal=causal,
        scale=scaling,
        window=(-1, -1) if sliding_window is None else (sliding_window - 1, -1 if causal else sliding_window - 1),
        softcap=softcap or 0.0,
    )
    if kept[0] is not None:
        out = out.new_zeros(batch * num_queries, *out.shape[1:]).index_copy(0, kept[0], out)
    return out.view(batch, num_queries, *out.shape[1:]), None


def attention_mask(
    *,
    mask_function: Callable[..., Any],
    attention_mask: Tensor | None = None,
    kv_length: int,
    **_: Any,
) -> Tensor | None:
    """The mask that `attention_forward` gets: padding as bool `[B, kv_length]`, or None where nothing is padded.

    Raises:
        MaskNotHonoured: the model's mask is made of parts that segments, causality and windows cannot express.
    """
    unknown = sorted(set(_mask_parts(mask_function)) - _KNOWN_MASKS)
    if unknown:
        raise MaskNotHonoured(
            f"the model's mask uses {', '.join(unknown)}, which {NAME} cannot honour: load it with attn_implementation='sdpa'"
        )
    if attention_mask is None or bool(attention_mask.all()):
        return None
    return attention_mask[:, -kv_length:].bool()


def _refuse(dropout: float, options: dict[str, Any]) -> None:
    if dropout:
        raise MaskNotHonoured(f"attention dropout is {dropout}, and {NAME} has none: set attention_dropout to 0")
    for name, what in _CANNOT.items():
        if options.get(name) is not None and options[name] is not False:
            raise MaskNotHonoured(f"{NAME} was given {name}, and it has no {what}: load the model with attn_implementation='eager'")


def _mask_parts(mask_function: Callable[..., Any]) -> list[str]:
    """Names of the functions that a mask is the intersection of; a union is one part of its own."""
    name = mask_function.__qualname__.partition(".")[0]
    if name != "and_masks":
        return [name]
    inner = [cell.cell_contents for cell in mask_function.__closure__ or ()]
    parts = [part for content in inner for part in (content if isinstance(content, (tuple, list)) else (content,))]
    return [name for part in parts if callable(part) for name in _mask_parts(part)]


def _boundaries(bounds: Tensor, name: str) -> Tensor:
    if bounds.dtype not in (torch.int32, torch.int64):
        raise AttentionInputError(f"{name} is {bounds.dtype}: give int32")
    return bounds.to(torch.int32)


def _from_padding(mask: Tensor, batch: int, num_queries: int, num_keys: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Which tokens are real, as indices into the flattened batch, and the boundaries of the rows without the others."""
    if mask.ndim != 2 or mask.dtype != torch.bool or mask.shape != (batch, num_keys):
        shape = f"{mask.dtype} {list(mask.shape)}"
        raise MaskNotHonoured(
            f"attention_mask is {shape}: {NAME} takes padding as bool [{batch}, {num_keys}], or cu_seq_lens_q and cu_seq_lens_k"
        )
    real_keys, real_queries = mask, mask[:, num_keys - num_queries :]
    kept = (real_queries.flatten().nonzero()[:, 0], real_keys.flatten().nonzero()[:, 0])
    return kept, (_ends(real_queries.sum(1)), _ends(real_keys.sum(1)))


def _restarts(position_ids: Tensor | None, batch: int, num_queries: int, num_keys: int) -> Tensor | None:
    """Boundaries where a single row's text positions start again, as transformers packs rows; None where it cannot be such a row."""
    if position_ids is None or batch != 1 or position_ids.ndim != 2 or not 1 < num_queries == num_keys == position_ids.shape[1]:
        return None
    restarts = (position_ids[0].diff() != 1).nonzero()[:, 0] + 1
    return torch.cat([restarts.new_zeros(1), restarts, restarts.new_full((1,), num_queries)]).to(torch.int32)


def _even(batch: int, length: int, device: torch.device) -> Tensor:
    return torch.tensor([row * length for row in range(batch + 1)], dtype=torch.int32, device=device)


def _ends(lengths: Tensor) -> Tensor:
    return nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)


def _longest(bounds: Tensor, given: int | None, at_most: int) -> int:
    if given is not None:
        return int(given)
    if bounds.device.type != "cpu":
        return at_most  # the exact length would have to be waited for
    return max((stop - start for start, stop in pairwise(bounds.tolist())), default=0)
