"""Bytes of model states by the arithmetic of ZeRO (Rajbhandari et al., 2020, https://arxiv.org/abs/1910.02054, figure 1 and table 1).

Mixed-precision Adam keeps 16 bytes a parameter: 2 of weights, 2 of gradients, and 12 of fp32 weights, momentum and variance. Stage 1
shards the 12 over the data-parallel processes, stage 2 the gradients too, stage 3 the weights too.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Stage = Literal[0, 1, 2, 3]
WEIGHT, GRADIENT, OPTIMIZER = 2, 2, 12


class States(NamedTuple):
    """Bytes on each device."""

    weights: float
    gradients: float
    optimizer: float

    @property
    def total(self) -> float:
        return sum(self)


def model_states(num_parameters: float, degree: int, stage: Stage) -> States:
    """Of a model of `num_parameters` on `degree` data-parallel processes.

    Raises:
        ValueError: there is no process.
    """
    if degree < 1:
        raise ValueError(f"the degree of data parallelism is {degree}: it must be 1 or more")
    return States(
        weights=WEIGHT * num_parameters / (degree if stage >= 3 else 1),
        gradients=GRADIENT * num_parameters / (degree if stage >= 2 else 1),
        optimizer=OPTIMIZER * num_parameters / (degree if stage >= 1 else 1),
    )
