"""The mixture of experts: who reads a token (sigmoid scores with a correction bias), and all experts' products in two calls.

    x [N, D] -> scores [N, E] -> k of E chosen -> rows sorted by expert [N·k, D] -> grouped products -> [N, D]

Routing: DeepSeek-V3 (arXiv 2412.19437, eq. 12-16). The bias is for choosing only, and is moved against the load after a training step
(auxiliary-loss-free balancing, arXiv 2408.15664, algorithm 1): see `balance_routers`. What keeps experts even within one sequence is
a loss (DeepSeek-V3, eq. 17-20): see `sequence_balance`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.models.products import gated, linear, onednn_computes

BIAS_STEP = 1e-3  # γ of the papers


class Routing(NamedTuple):
    """`experts` and `weights` `[N, k]` of each token."""

    experts: Tensor
    weights: Tensor


class Sequences(NamedTuple):
    """Where sequences begin and end in a row, `cu_seqlens` `[S + 1]`, and how much each counts, `weights` `[S]`."""

    cu_seqlens: Tensor
    weights: Tensor


class Router(nn.Module):
    """Chooses `num_experts_per_tok` experts for each token; counts, while it is trained, how often each was chosen.

    Told of `sequences`, it leaves in `unevenness` how uneven experts are within them, a loss.
    """

    e_score_correction_bias: Tensor
    load: Tensor

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.num_chosen = config.num_experts_per_tok
        self.scaling = config.routed_scaling_factor
        self.normalises = config.norm_topk_prob
        self.sequences: Sequences | None = None
        self.unevenness: Tensor | None = None
        self.weight = nn.Parameter(torch.empty(config.n_routed_experts, config.hidden_size))
        self.register_buffer("e_score_correction_bias", torch.zeros(config.n_routed_experts, dtype=torch.float32))
        self.register_buffer("load", torch.zeros(config.n_routed_experts, dtype=torch.float32), persistent=False)

    def forward(self, x: Tensor) -> Routing:
        # In float32 whatever the model's type: half precision would decide otherwise between experts that are nearly equal.
        with torch.autocast(x.device.type, enabled=False):
            scores = functional.linear(x.float(), self.weight.float()).sigmoid()
            chosen = (scores.detach() + self.e_score_correction_bias).topk(self.num_chosen, dim=-1, sorted=False).indices
            if self.sequences is not None and self.learns:
                self.unevenness = sequence_balance(scores, self.num_chosen, self.sequences)
            weights = scores.gather(1, chosen)
            if self.normalises:
                weights = weights / (weights.sum(-1, keepdim=True) + 1e-20)
        return Routing(chosen, weights * self.scaling)

    def count(self, per_expert: Tensor) -> None:
        """Remember how many tokens each expert got `[E]`, where the router learns."""
        if self.learns:
            self.load += per_expert

    @property
    def learns(self) -> bool:
        return self.training and self.weight.requires_grad and torch.is_grad_enabled()


class Experts(nn.Module):
    """All experts' weights in two tensors: `gate_up_proj` `[E, 2I, D]`, `down_proj` `[E, D, I]`."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        count, inner, width = config.n_routed_experts, config.moe_intermediate_size, config.hidden_size
        self.gate_up_proj = nn.Parameter(torch.empty(count, 2 * inner, width))
        self.down_proj = nn.Parameter(torch.empty(count, width, inner))

    def forward(self, x: Tensor, routing: Routing, per_expert: Tensor) -> Tensor:
        """`x` `[N, D]`; `per_expert` `[E]` is how many rows each expert gets."""
        order = routing.experts.flatten().argsort(stable=True)
        askers = order // routing.experts.shape[1]
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order), device=order.device)
        if onednn_computes(x, self.gate_up_proj):
            answers = self._one_by_one(rows_of(x, askers), per_expert.tolist())
            return summed_rows(answers, back.view_as(routing.experts), routing.weights)
        rows = rows_of(x, askers)
        ends = per_expert.cumsum(0).to(torch.int32)
        gate, up = grouped_linear(rows, self.gate_up_proj, ends).chunk(2, dim=-1)
        # Weighted before the last product rather than after it: the same sum, over fewer numbers.
        weighted = functional.silu(gate) * up * routing.weights.flatten()[order, None].to(x.dtype)
        out = grouped_linear(weighted, self.down_proj, ends)
        return summed_rows(out, back.view_as(routing.experts))

    def _one_by_one(self, rows: Tensor, counts: list[int]) -> Tensor:
        """What each expert makes of its rows `[N·k, D]`, of which it has `counts` `[E]`."""
        inner = self.down_proj.shape[-1]
        answers = torch.empty_like(rows)
        parts = zip(torch.split(rows, counts), torch.split(answers, counts), self.gate_up_proj, self.down_proj, strict=True)
        for part, answer, gate_up, down in parts:
            if len(part):
                answer.copy_(linear(gated(part, gate_up[:inner], gate_up[inner:]), down))
        return answers


class MixtureOfExperts(nn.Module):
    """The chosen experts' answers, and those of the experts whom every token asks."""

    def __init__(self, config: Any, shared: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        self.gate = Router(config)
        self.experts = Experts(config)
        self.shared_experts = shared(config.hidden_size, config.moe_intermediate_size * config.n_shared_experts)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2)
        routing = self.gate(rows)
        per_expert = torch.bincount(routing.experts.flatten(), minlength=len(self.gate.weight))
        self.gate.count(per_expert)
        routed: Tensor = self.experts(rows, routing, per_expert)
        shared: Tensor = self.shared_experts(x)
        return routed.view_as(x) + shared


def rows_of(x: Tensor, places: Tensor) -> Tensor:
    """`x` `[N, D]` at `places` `[M]`. On a GPU by indexing, whose gradient is added up in one order; on a CPU that is six times as slow."""
    return x.index_select(0, places) if x.device.type == "cpu" else x[places]


def summed_rows(rows: Tensor, places: Tensor, weights: Tensor | None = None) -> Tensor:
    """Of `rows` `[M, D]` those at each of `places` `[N, k]`, weighted by `weights` `[N, k]`, added up: `[N, D]`."""
    if rows.device.type == "cpu" and rows.dtype is torch.float32:  # no row is copied, there and back a quarter of the time
        return functional.embedding_bag(places, rows, mode="sum", per_sample_weights=weights)
    taken = rows[places]
    summed: Tensor = (taken if weights is None else taken * weights[..., None].to(taken.dtype)).sum(1)
    return summed


def grouped_linear(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    """`rows` `[N, D]` sorted by group, `weight` `[E, F, D]`, `ends` `[E]` where each group's rows end -> `[N, F]`.

    One call of torch for all groups; measured on a CPU, 1.05 to 1.15 times a product for each group, and 3 times for one token.
    """
    if torch.is_autocast_enabled(rows.device.type):
        kind = torch.get_autocast_dtype(rows.device.type)
        rows, weight = rows.to(kind), weight.to(kind)
    if _fits(rows, weight):
        grouped: Tensor = functional.grouped_mm(rows, weight.transpose(1, 2), offs=ends)
        return grouped
    counts = ends.diff(prepend=ends.new_zeros(1)).tolist()
    return torch.cat([functional.linear(part, of) for part, of in zip(torch.split(rows, counts), weight, strict=True)])


def _fits(rows: Tensor, weight: Tensor) -> bool:
    """Whether torch has a grouped product: rows of 16 bytes, and no doubles or halves."""
    widths = (rows.shape[1], weight.shape[1])
    return rows.dtype in (torch.float32, torch.bfloat16) and all(width * rows.element_size() % 16 == 0 for width in widths)


def sequence_balance(scores: Tensor, num_chosen: int, sequences: Sequences) -> Tensor:
    """The complementary sequence-wise balance loss without its factor α (DeepSeek-V3, arXiv 2412.19437, eq. 17-20), of `scores` `[N, E]`.

    Of each sequence Σ_i f_i · P_i: f_i is how often expert i is among the `num_chosen` highest scores (the bias has no part in it) over the
    mean of all experts, P_i its mean share of a token's scores. Even experts give 1. The weighted sum over sequences.
    """
    lengths = sequences.cu_seqlens.diff()
    of = torch.repeat_interleave(torch.arange(len(lengths), device=scores.device), lengths, output_size=len(scores))
    highest = torch.zeros_like(scores).scatter(1, scores.detach().topk(num_chosen, dim=-1, sorted=False).indices, 1.0)
    empty = scores.new_zeros(len(lengths), scores.shape[1])
    often = empty.index_add(0, of, highest) * (scores.shape[1] / num_chosen)
    share = empty.index_add(0, of, scores / scores.sum(-1, keepdim=True))
    return ((often * share).sum(-1) * sequences.weights / lengths.clamp_min(1).square()).sum()


def routers(model: nn.Module) -> Iterator[Router]:
    """Every router in `model`."""
    return (module for module in model.modules() if isinstance(module, Router))


@torch.no_grad()
def balance_routers(model: nn.Module, total: Callable[[Tensor], Tensor] = lambda load: load, *, step: float = BIAS_STEP) -> None:
    """Move each router's bias a `step` towards the experts that got fewer tokens than the mean since the last call.

    `total` adds a tensor up over all ranks. A frozen router counts nothing and stays as it is.
    """
    for router in routers(model):
        if not router.weight.requires_grad:
            continue
        load = total(router.load)
        if float(load.sum()) > 0:
            router.e_score_correction_bias += step * torch.sign(load.mean() - load)
        router.load.zero_()


def imbalance(model: nn.Module) -> float:
    """The largest share of tokens that any expert got since the last call of `balance_routers`, over the mean share: 1 is even."""
    return max((float(router.load.max() / router.load.mean()) for router in routers(model) if float(router.load.sum()) > 0), default=1.0)
