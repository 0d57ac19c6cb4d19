"""Training models whose pictures are tokens like text (Chameleon): the pack in tokens alone, and norms that heads go on sharing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.vlm.one_stream import picture_tokens
from training.packing import Pack


def prepare_stream(model: Any) -> Tensor:
    """Freeze the picture tokenizer of `model`, as its authors do, and let heads share their norms; returns the pictures' token ids."""
    model.model.vqmodel.requires_grad_(False)
    groups = model.config.model_parallel_size or 1
    for module in list(model.modules()):
        for norm in (getattr(module, "q_norm", None), getattr(module, "k_norm", None)):
            if isinstance(norm, nn.LayerNorm) and not isinstance(norm, SharedNorm):
                share_norm(norm, groups)
    return torch.tensor(model.model.vocabulary_mapping.image_tokens)


def with_picture_tokens(model: Any, pack: Pack) -> Pack:
    """`pack` with tokens in the places of its pictures, among its ids and among its labels where pictures are learnt."""
    if pack.pixel_values is None or pack.grid_thw is None:
        return pack
    hole = model.config.image_token_id
    tokens = picture_tokens(model, pack.pixel_values, pack.grid_thw)
    ids = pack.ids.masked_scatter(pack.ids == hole, tokens)
    labels = torch.where(pack.labels == hole, ids.roll(-1, 1), pack.labels)
    return replace(pack, ids=ids, labels=labels, pixel_values=None, grid_thw=None)


class SharedNorm(nn.LayerNorm):
    """A norm of queries or keys whose weights `[H, D]` stay the same in all heads of a group.

    Chameleon was trained with one weight a model-parallel rank: one for all heads in the 7B model, eight in the 34B one. transformers
    keeps a copy for every head, and trained so, the copies would part. Here all copies of a group get the mean of their gradients, and
    so stay equal. Weights keep their names and shapes.
    """

    num_groups: int

    def forward(self, x: Tensor) -> Tensor:
        normal = functional.layer_norm(x, self.normalized_shape, eps=self.eps)
        weight, bias = (shared(values, self.num_groups) for values in (self.weight, self.bias))
        return normal * weight + bias


def share_norm(norm: nn.LayerNorm, num_groups: int) -> None:
    """Let `norm` share its weights, unless they differ within a group already."""
    if len(norm.weight) % num_groups == 0 and all(torch.equal(shared(values, num_groups), values) for values in (norm.weight, norm.bias)):
        norm.__class__ = SharedNorm
        norm.num_groups = num_groups  # type: ignore[assignment]


def shared(values: Tensor, num_groups: int) -> Tensor:
    """`values` `[H, D]` of the first head of each group, for all of its heads; their gradient is the mean over the group."""
    grouped = values.view(num_groups, -1, values.shape[-1])
    mean = grouped.mean(1, keepdim=True)
    one = grouped[:, :1].detach() + (mean - mean.detach())  # a mean of equal numbers may be rounded: here it is only differentiated
    return one.expand_as(grouped).flatten(0, 1)
