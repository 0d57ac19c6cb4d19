"""The gated delta rule (Yang et al., arXiv 2412.06464), the recurrence of hybrid models' linear-attention layers, on packed rows.

    S_t = exp(g_t) S_{t-1} + β_t k_t (v_t - (exp(g_t) S_{t-1})ᵀ k_t)ᵀ        o_t = S_tᵀ q_t

api          `gated_delta_rule`, and `transformers_rule` in the form of transformers' own functions
reference    token by token: the specification
chunked      64 tokens at a time, in torch products: any device, differentiable, float64 too
triton/      the same on GPUs
operators    the Triton kernels as a torch operator, with gradients
"""

from __future__ import annotations

from inference.kernels.gated_delta.api import gated_delta_rule, transformers_rule
from inference.kernels.gated_delta.errors import DeltaRuleInputError

__all__ = ["DeltaRuleInputError", "gated_delta_rule", "transformers_rule"]
