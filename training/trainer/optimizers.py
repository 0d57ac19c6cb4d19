"""Optimizers, the learning rate over time, and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from training.trainer.config import OptimizerConfig, ScheduleConfig

NOT_MATRICES = ("embed_tokens", "lm_head", "patch_embed", "pos_embed")  # which Muon's update does not suit


def build_optimizers(network: nn.Module, config: OptimizerConfig) -> list[torch.optim.Optimizer]:
    """AdamW for all, or Muon (Jordan et al., 2024) for the matrices inside the towers and AdamW for the rest."""
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    matrices = {name: p for name, p in trained.items() if config.name == "muon" and _is_matrix(name, p)}
    rest = {name: p for name, p in trained.items() if name not in matrices}
    optimizers: list[torch.optim.Optimizer] = []
    if matrices:
        optimizers.append(
            torch.optim.Muon(
                list(matrices.items()),
                lr=config.learning_rate,
                weight_decay=config.weight_decay,
                momentum=config.momentum,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    if rest:
        decayed = {"params": [p for p in rest.values() if p.ndim >= 2], "weight_decay": config.weight_decay}
        plain = {"params": [p for p in rest.values() if p.ndim < 2], "weight_decay": 0.0}
        groups = [group for group in (decayed, plain) if group["params"]]
        optimizers.append(torch.optim.AdamW(groups, lr=config.learning_rate, betas=(config.beta1, config.beta2)))
    return optimizers


def _is_matrix(name: str, parameter: Tensor) -> bool:
    return parameter.ndim == 2 and not any(part in name for part in NOT_MATRICES)


def rate_at(step: int, steps: int, schedule: ScheduleConfig) -> float:
    """The share of the full learning rate at `step`, counted from 1, of `steps`."""
    warmup = max(1, round(schedule.warmup * steps))
    if step <= warmup and schedule.warmup > 0:
        return step / warmup
    begin = warmup if schedule.name in ("cosine", "linear") else steps - round(schedule.decay * steps)
    if schedule.name == "constant" or step <= begin:
        return 1.0
    done = (step - begin) / (steps - begin + 1)  # the last step still learns a little
    left = 0.5 * (1 + math.cos(math.pi * done)) if schedule.name == "cosine" else 1 - done
    return schedule.final + (1 - schedule.final) * left


def set_rate(optimizers: Iterable[torch.optim.Optimizer], rate: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


class MovingAverage:
    """Of the trained weights, kept where they are, sharded as they are: `decay` of the old and the rest of the new, each step."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self._trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
        self.weights: dict[str, Tensor] = {name: p.detach().clone() for name, p in self._trained.items()}

    @torch.no_grad()
    def update(self) -> None:
        for name, parameter in self._trained.items():
            self.weights[name].lerp_(parameter.detach(), 1 - self._decay)

    @torch.no_grad()
    def restore(self, weights: Mapping[str, Tensor]) -> None:
        for name, value in weights.items():
            self.weights[name].copy_(value)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the weights with their average; a second time takes it back."""
        for name, parameter in self._trained.items():
            kept = parameter.detach().clone()
            parameter.copy_(self.weights[name])
            self.weights[name].copy_(kept)
