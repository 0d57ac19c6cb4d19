"""How scores become weights, the same for every implementation: scale, soft cap, and which keys a query sees."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A call of attention without its tensors. A causal call has `window_right` 0; -1 means no limit.

    Query `i` of a segment with `Lq` queries and `Lk` keys stands at key `p = i + Lk - Lq` (aligned at the bottom right, as in
    FlashAttention ≥ 2.1) and sees keys `p - window_left … p + window_right`.
    """

    scale: float
    window_left: int = -1
    window_right: int = -1
    softcap: float = 0.0  # 0: none; else scores become softcap · tanh(score / softcap)
    max_seqlen_q: int = 0
    max_seqlen_k: int = 0
    deterministic: bool = False  # the same bits whatever the number of threads

    @classmethod
    def of(
        cls,
        *,
        head_size: int,
        causal: bool,
        scale: float | None,
        window: tuple[int, int],
        softcap: float,
        max_seqlen_q: int,
        max_seqlen_k: int,
        deterministic: bool,
    ) -> Settings:
        """Settings in the callers' terms: `scale` is `1 / √head_size` when not given, and `causal` closes the window on the right."""
        return cls(
            scale=1.0 / math.sqrt(head_size) if scale is None else scale,
            window_left=window[0],
            window_right=0 if causal else window[1],
            softcap=softcap,
            max_seqlen_q=max_seqlen_q,
            max_seqlen_k=max_seqlen_k,
            deterministic=deterministic,
        )

    def visible(self, first_query: int, last_query: int, num_queries: int, num_keys: int) -> tuple[int, int]:
        """The keys `[start, stop)` that any of the queries `first_query … last_query` sees."""
        offset = num_keys - num_queries
        start = 0 if self.window_left < 0 else max(0, first_query + offset - self.window_left)
        stop = num_keys if self.window_right < 0 else min(num_keys, last_query + offset + self.window_right + 1)
        return start, max(start, stop)
