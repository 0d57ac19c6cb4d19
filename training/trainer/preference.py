"""Learning from pairs of a better and a worse answer: direct preference optimisation (Rafailov et al., 2023, https://arxiv.org/abs/2305.18290).

The loss of a pair is −log σ(β · ((log π(y_w) − log π_ref(y_w)) − (log π(y_l) − log π_ref(y_l)))), equation 7 of the paper. The reference is
the model as it was at the start; its log-probabilities are computed once, before the first step, so that it is held but once. Both
answers of a pair lie in one pack, beside other pairs: nothing is padded. One process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data.store import SampleStore
from training.errors import Overlong, RunError
from training.packer import Packer, Waiting
from training.packing import Sample, make_pack
from training.trainer.config import TrainConfig
from training.trainer.export import export_network
from training.trainer.model import load_network
from training.trainer.optimizers import build_optimizers, rate_at, set_rate
from training.trainer.world import World, joined_world


class SamplePair(NamedTuple):
    chosen: Sample
    rejected: Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """`beta` says how far the model may go from the reference. `imitation` is the weight of the better answer's own loss, a token."""

    beta: float = 0.1
    imitation: float = 0.0

    def __post_init__(self) -> None:
        if self.beta <= 0:
            raise ValueError(f"beta is {self.beta}: it must be above 0")


def preference_loss(policy: Tensor, reference: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """Losses and margins of reward, each `[N]`, of log-probabilities `[N, 2]` of better and worse answers."""
    rewards = beta * (policy - reference)
    margins = rewards[:, 0] - rewards[:, 1]
    return -functional.logsigmoid(margins), margins


def read_pairs(folder: Path) -> list[SamplePair]:
    """A prepared data set in which better and worse answers take turns.

    Raises:
        RunError: it is none.
    """
    store = SampleStore(folder)
    names = store.index().names
    if len(store) % 2 or any("chosen" not in names[n] or "rejected" not in names[n + 1] for n in range(0, len(store), 2)):
        raise RunError(f"{folder} is no data set of pairs: better and worse answers must take turns")
    return [SamplePair(store[number], store[number + 1]) for number in range(0, len(store), 2)]


def packs_of_pairs(pairs: Sequence[SamplePair], length: int) -> list[tuple[int, ...]]:
    """The numbers of the pairs of each pack of at most `length` tokens.

    Raises:
        Overlong: a pair does not fit.
    """
    packer = Packer(length)
    for number, pair in enumerate(pairs):
        tokens = len(pair.chosen.ids) + len(pair.rejected.ids)
        if tokens > length:
            raise Overlong(f"{pair.chosen.name}: the pair has {tokens} tokens, and data.pack_length is {length}")
        packer.add(Waiting(number, tokens))
    packs = []
    while len(packer):
        packs.append(packer.pop())
    return packs


class PreferenceTrainer:
    """Trains `network` on `pairs`; what it measured of each step is in `rows`."""

    def __init__(self, network: nn.Module, pairs: Sequence[SamplePair], config: TrainConfig, preference: Preference) -> None:
        self.network, self.pairs, self.config, self.preference = network, pairs, config, preference
        self.packs = packs_of_pairs(pairs, config.data.pack_length)
        self.rows: list[dict[str, Any]] = []
        with torch.no_grad():
            self.reference = torch.empty(len(pairs), 2)
            for numbers in self.packs:
                self.reference[list(numbers)] = self._log_probs(numbers)

    def run(self, tell: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        """All epochs, or `config.steps` steps, an optimizer step for every `data.packs_per_step` packs."""
        optimizers = build_optimizers(self.network, self.config.optimizer)
        size = self.config.data.packs_per_step
        per_epoch = -(-len(self.packs) // size)
        steps = self.config.steps or per_epoch * self.config.epochs
        for step in range(1, steps + 1):
            place = (step - 1) % per_epoch
            if place == 0:
                order = torch.randperm(len(self.packs), generator=torch.Generator().manual_seed(self.config.seed + step)).tolist()
            set_rate(optimizers, self.config.optimizer.learning_rate * rate_at(step, steps, self.config.schedule))
            row = {"step": step, **self._step([self.packs[number] for number in order[place * size : (place + 1) * size]])}
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.optimizer.clip_norm)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            self.rows.append(row)
            tell(row)

    def _step(self, packs: Sequence[tuple[int, ...]]) -> dict[str, float]:
        count = sum(map(len, packs))
        loss_sum = margin_sum = right = 0.0
        for numbers in packs:
            policy = self._log_probs(numbers)
            losses, margins = preference_loss(policy, self.reference[list(numbers)], self.preference.beta)
            loss: Any = losses.sum() / count
            if self.preference.imitation:
                learnt = sum(int((self.pairs[number].chosen.labels >= 0).sum()) for number in numbers)
                loss = loss - self.preference.imitation * policy[:, 0].sum() / learnt
            loss.backward()
            loss_sum += float(losses.detach().sum())
            margin_sum += float(margins.detach().sum())
            right += float((margins.detach() > 0).sum())
        return {"loss": loss_sum / count, "margin": margin_sum / count, "accuracy": right / count}

    def _log_probs(self, numbers: Sequence[int]) -> Tensor:
        """`[N, 2]` of the pairs `numbers`, which share a pack."""
        samples = [sample for number in numbers for sample in self.pairs[number]]
        device = next(self.network.parameters()).device
        result: Tensor = self.network(make_pack(samples).to(device), "log-probs").view(-1, 2).cpu()
        return result


def train_preferences(
    config: TrainConfig, preference: Preference, tell: Callable[[dict[str, Any]], None] = lambda _: None
) -> list[dict[str, Any]]:
    """Train `config.model` on the pairs in `config.data.folder`, and write the model to `config.out`/model.

    Raises:
        RunError: it runs in several processes, or the folder holds no pairs.
    """
    with joined_world(config.device) as world:
        return _trained(config, preference, world, tell)


def _trained(config: TrainConfig, preference: Preference, world: World, tell: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    if world.size > 1:
        raise RunError("preferences are learnt in one process: start without torchrun")
    torch.manual_seed(config.seed)
    network = load_network(config).to(world.device)
    trainer = PreferenceTrainer(network, read_pairs(Path(config.data.folder)), config, preference)
    trainer.run(tell)
    export_network(network, network, None, config, Path(config.out) / "model", world)
    return trainer.rows
