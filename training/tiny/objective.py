"""What deftly-tiny is trained on: the answer's tokens, with near coordinates forgiven in part, and dense reading of the screen on the side.

The auxiliary heads are dropped at export. What helped and why: docs/log.md.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.tiny.architecture import HIDDEN, TOKENS_PER_SIDE
from training.tiny.batches import Batch, Encoder
from training.tiny.labels import NUM_LETTER_CLASSES, SLOTS, WIDGETS
from training.tiny.shared_prefix import SharedPrefixModel

SIGMA_PX = 4.0  # a click that lands this near is nearly as good
WEIGHTS = {"answer": 1.0, "gaze": 0.3, "pointer": 0.1, "letters": 0.5, "widgets": 0.2, "place": 0.1}
NONE_WEIGHT = 0.15  # most patches show no letter and no widget


class Losses(NamedTuple):
    """Mean losses by part; `total` is their weighted sum."""

    total: Tensor
    parts: dict[str, float]


class Heads(nn.Module):
    """The auxiliary heads."""

    def __init__(self) -> None:
        super().__init__()
        self.letters = nn.Linear(HIDDEN, SLOTS * NUM_LETTER_CLASSES)
        self.widgets = nn.Linear(HIDDEN, len(WIDGETS))
        self.place = nn.Linear(HIDDEN, 2 * TOKENS_PER_SIDE)
        self.pointer_query = nn.Linear(HIDDEN, HIDDEN)
        self.pointer_key = nn.Linear(HIDDEN, HIDDEN)


class Objective(nn.Module):
    """Model and heads together; `forward` gives the losses of a batch, `read` those of looking alone."""

    letter_weight: Tensor
    widget_weight: Tensor
    number_ids: Tensor

    def __init__(self, shared: SharedPrefixModel, encoder: Encoder) -> None:
        super().__init__()
        self.shared = shared
        self.heads = Heads()
        weight = torch.ones(NUM_LETTER_CLASSES)
        weight[0] = NONE_WEIGHT
        self.register_buffer("letter_weight", weight, persistent=False)
        weight = torch.ones(len(WIDGETS))
        weight[0] = NONE_WEIGHT
        self.register_buffer("widget_weight", weight, persistent=False)
        # Token ids of 0..999 in the two spellings, [2, 1000]: the first coordinate has no space before it, the second has.
        sets = [[i for i, _ in sorted(numbers.items(), key=lambda item: item[1])] for numbers in (encoder.number, encoder.spaced)]
        self.register_buffer("number_ids", torch.tensor(sets), persistent=False)

    def read(self, batch: Batch) -> Losses:
        """Letters and widgets of the screens, without any question."""
        patches, _ = self.shared.see(batch.images)
        return self._sum(self._dense(patches, batch))

    def forward(self, batch: Batch) -> Losses:
        seen = self.shared(batch.images, batch.segments, batch.gaze)
        parts = self._dense(seen.patches, batch)
        parts["answer"] = self._answer(seen.hidden, batch)
        parts["place"] = self._place(seen.image_states)
        parts["gaze"] = seen.gaze
        if len(batch.pointers):
            parts["pointer"] = self._pointer(seen.hidden, seen.image_states, batch)
        return self._sum(parts)

    def _sum(self, parts: dict[str, Tensor]) -> Losses:
        total = torch.stack([WEIGHTS[name] * loss for name, loss in parts.items()]).sum()
        return Losses(total, {name: loss.item() for name, loss in parts.items()})

    def _dense(self, patches: Tensor, batch: Batch) -> dict[str, Tensor]:
        letters = self.heads.letters(patches).float().view(-1, NUM_LETTER_CLASSES)
        widgets = self.heads.widgets(patches).float().flatten(0, 1)
        return {
            "letters": functional.cross_entropy(letters, batch.letters.flatten(), self.letter_weight, ignore_index=-100),
            "widgets": functional.cross_entropy(widgets, batch.widgets.flatten(), self.widget_weight, ignore_index=-100),
        }

    def logits(self, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self.shared.model.model.language_model.embed_tokens.weight).float()  # tied

    def _answer(self, hidden: Tensor, batch: Batch) -> Tensor:
        asked = batch.labels >= 0
        logits = self.logits(hidden[asked]).log_softmax(-1)
        labels, kinds = batch.labels[asked], batch.coordinates[asked]
        loss = -logits.gather(1, labels[:, None])[:, 0]
        for which in (1, 2):
            at = torch.nonzero(kinds == which)[:, 0]
            if len(at):
                ids = self.number_ids[which - 1]
                true_px = (ids[None] == labels[at, None]).float().argmax(dim=1)
                distance = torch.arange(len(ids), device=ids.device)[None] - true_px[:, None]
                soft = torch.softmax(-0.5 * (distance / SIGMA_PX) ** 2, dim=1)
                entropy = -(soft * soft.clamp_min(1e-9).log()).sum(1)
                loss = loss.index_copy(0, at, -(soft * logits[at][:, ids]).sum(1) - entropy)
        return loss.mean()

    def _place(self, image_states: Tensor) -> Tensor:
        logits = self.heads.place(image_states).float().view(-1, 2, TOKENS_PER_SIDE)
        side = torch.arange(TOKENS_PER_SIDE, device=logits.device)
        rows, columns = torch.meshgrid(side, side, indexing="ij")
        truth = torch.stack([rows.flatten(), columns.flatten()], dim=1).repeat(len(image_states), 1)
        return functional.cross_entropy(logits.flatten(0, 1), truth.flatten())

    def _pointer(self, hidden: Tensor, image_states: Tensor, batch: Batch) -> Tensor:
        where, picture, target = batch.pointers.unbind(1)
        query = self.heads.pointer_query(hidden[where]).float()
        key = self.heads.pointer_key(image_states).float()[picture]
        return functional.cross_entropy((key @ query[:, :, None])[..., 0] / math.sqrt(HIDDEN), target)


def fourier_numbers(embed: Tensor, objective: Objective, *, scale: float = 0.02) -> None:
    """Start the embeddings of numbers from sines of their value, so that near numbers look alike from the first step."""
    generator = torch.Generator().manual_seed(0)
    waves = torch.logspace(math.log10(4), math.log10(2000), HIDDEN // 2)
    angles = 2 * math.pi * torch.arange(objective.number_ids.shape[1])[:, None] / waves[None]
    features = torch.cat([angles.sin(), angles.cos()], dim=1) * scale * math.sqrt(2)
    mix = torch.linalg.qr(torch.randn(HIDDEN, HIDDEN, generator=generator)).Q
    with torch.no_grad():
        for ids in objective.number_ids:
            embed[ids] = features @ mix + 0.25 * embed[ids]
