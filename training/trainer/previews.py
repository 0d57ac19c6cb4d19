"""Looks at held-out samples while training: their loss, and what the model would answer to their screens.

Answers are made with the training network itself, packed attention and sharded weights included, by reading the whole prompt for each
token: slow for long answers, but it works wherever training does, and shows what is really being trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.packing import IGNORED, Ids, Sample, make_pack

HELD_OUT_MOST = 64  # samples whose loss is computed


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the model said to a held-out screen, beside what it should have said."""

    name: str
    wanted: str
    said: str

    @property
    def right(self) -> bool:
        return self.said == self.wanted

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"right": self.right}


@torch.no_grad()
def held_out_loss(network: nn.Module, samples: Sequence[Sample], device: torch.device) -> float:
    """Mean loss of a token that would be learnt, over `samples`, one at a time."""
    total, count = torch.zeros((), device=device), 0
    for sample in samples:
        pack = make_pack([sample]).to(device)
        total += network(pack)
        count += pack.num_supervised
    return float(total) / max(1, count)


@torch.no_grad()
def preview(network: nn.Module, sample: Sample, tokenizer: Any, device: torch.device, *, max_tokens: int) -> Preview:
    """The greedy answer to the last question of `sample`."""
    question, wanted = last_answer(sample)
    ids, positions = question.ids, question.positions
    # A model that has learnt little may say a picture's token, which stands for a picture that is not there.
    special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    unsayable = sorted(special - set(wanted.tolist()))
    said: list[int] = []
    for _ in range(max_tokens):
        asked = Sample(name=sample.name, ids=ids, positions=positions, labels=np.full(len(ids), IGNORED), pictures=question.pictures)
        logits: Tensor = network(make_pack([asked]).to(device), "last-logits")
        logits[..., unsayable] = float("-inf")
        said.append(int(logits.argmax()))
        if said[-1] == wanted[-1]:
            break
        ids = np.append(ids, said[-1])
        positions = np.concatenate([positions, np.full((len(positions), 1), positions.max() + 1)], axis=1)
    texts = [str(tokenizer.decode(tokens, skip_special_tokens=True)) for tokens in (wanted, said)]
    return Preview(name=sample.name, wanted=texts[0], said=texts[1])


def last_answer(sample: Sample) -> tuple[Sample, Ids]:
    """`sample` up to where its last answer begins, and the tokens of that answer."""
    learnt = np.flatnonzero(sample.labels != IGNORED)
    begins = int(learnt[np.flatnonzero(np.diff(learnt, prepend=-2) > 1)[-1]]) + 1
    wanted = sample.labels[begins - 1 : int(learnt[-1]) + 1]
    shown = Sample(
        name=sample.name,
        ids=sample.ids[:begins],
        positions=sample.positions[:, :begins],
        labels=np.full(begins, IGNORED),
        pictures=sample.pictures,
    )
    return shown, wanted
