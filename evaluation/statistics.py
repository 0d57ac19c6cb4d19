"""Figures with what is known of their error: steps of one episode resemble each other, so episodes are what is drawn again.

The standard error is the cluster-robust one of a mean (Liang and Zeger 1986, with the factor E/(E-1)); the interval is the percentile
bootstrap over episodes (Field and Welsh 2007, "Bootstrapping clustered data"). Both treat the episodes as drawn from more of their kind.
Of a single episode the steps are drawn instead (`drawn` says so). Where all are 0 or all are 1, drawing again tells nothing: there the
interval is the exact binomial one (Clopper and Pearson 1934), and the standard error that of one more trial of each kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

DRAWS = 1000
SEED = 0
LEVEL = 0.95
_CHUNK_CELLS = 4_000_000  # of the table of draws that is held at a time: 32 MB

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A mean over steps with its standard error and 95 % interval, `None` where a single step tells nothing of them."""

    mean: float
    standard_error: float | None
    low: float | None
    high: float | None
    num_steps: int
    num_episodes: int
    drawn: Literal["episodes", "steps"] = "episodes"

    def as_json(self) -> dict[str, Any]:
        return {
            "mean": self.mean,
            "standard_error": self.standard_error,
            "interval": None if self.low is None else [self.low, self.high],
            "num_steps": self.num_steps,
            "num_episodes": self.num_episodes,
            "drawn": self.drawn,
        }


def figure(values: Sequence[float], episodes: Sequence[str], *, draws: int = DRAWS, seed: int = SEED) -> Figure:
    """The mean of `values`, `episodes[i]` being that of `values[i]`: every step counts the same (micro)."""
    sums, counts = _by_episode(values, episodes)
    if len(sums) > 1:
        return _figure(sums, counts, draws, seed)
    alone = _figure(np.asarray(values, dtype=np.float64), np.ones(len(values)), draws, seed)
    return replace(alone, num_episodes=1, drawn="steps")


def macro_figure(values: Sequence[float], episodes: Sequence[str], *, draws: int = DRAWS, seed: int = SEED) -> Figure:
    """The mean of the episodes' means: every episode counts the same (macro)."""
    sums, counts = _by_episode(values, episodes)
    return replace(_figure(sums / counts, np.ones(len(sums)), draws, seed), num_steps=len(values))


def _by_episode(values: Sequence[float], episodes: Sequence[str]) -> tuple[Floats, Floats]:
    """Sums `[E]` and counts `[E]` of the values of each episode."""
    assert len(values) == len(episodes) > 0
    _, which = np.unique(np.asarray(episodes), return_inverse=True)
    sums = np.bincount(which, weights=np.asarray(values, dtype=np.float64)).astype(np.float64)
    return sums, np.bincount(which).astype(np.float64)


def _figure(sums: Floats, counts: Floats, draws: int, seed: int) -> Figure:
    """Of the clusters whose values add up to `sums` `[E]` over `counts` `[E]` of them."""
    num, total = len(sums), float(counts.sum())
    mean = float(sums.sum() / total)
    told = Figure(mean=mean, standard_error=None, low=None, high=None, num_steps=int(total), num_episodes=num)
    if num < 2:
        return told
    residuals = sums - mean * counts
    if mean in (0.0, 1.0) and not residuals.any():  # differences that cancel out have a mean of 0 as well
        error, low, high = _all_alike(mean, num)
        return replace(told, standard_error=error, low=low, high=high)
    error = float(np.sqrt((residuals**2).sum() * num / (num - 1)) / total)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(_redrawn(sums, counts, draws, seed), [tail, 100 - tail])
    return replace(told, standard_error=error, low=float(low), high=float(high))


def _all_alike(mean: float, num: int) -> tuple[float, float, float]:
    share = 1 / (num + 2)
    bound = ((1 - LEVEL) / 2) ** (1 / num)
    error = float(np.sqrt(share * (1 - share) / num))
    return (error, bound, 1.0) if mean == 1.0 else (error, 0.0, 1.0 - bound)


def _redrawn(sums: Floats, counts: Floats, draws: int, seed: int) -> Floats:
    """The mean in `draws` samples of as many episodes, drawn with replacement `[draws]`."""
    rng, episodes, means = np.random.default_rng(seed), len(sums), list[Floats]()
    size = max(1, _CHUNK_CELLS // episodes)
    while (left := draws - sum(map(len, means))) > 0:
        drawn = rng.integers(episodes, size=(min(size, left), episodes))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(means)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Two runs on the same steps: the mean difference (second minus first), its interval, and how likely so much is by chance alone."""

    difference: Figure
    p_value: float
    num_better: int
    num_worse: int


def paired(first: Sequence[float], second: Sequence[float], episodes: Sequence[str], *, draws: int = DRAWS, seed: int = SEED) -> Paired:
    """A sign-flip permutation test over episodes: if the runs were alike, which is which would not matter (Noreen 1989)."""
    differences = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    sums, _ = _by_episode(differences.tolist(), episodes)
    signs = np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(draws, len(sums)))
    extreme = int((np.abs(signs @ sums) >= abs(sums.sum()) - 1e-12).sum())
    difference = figure(differences.tolist(), episodes, draws=draws, seed=seed)
    if not differences.any() and difference.high is not None:  # none differed: those not seen may, either way
        difference = replace(difference, low=-difference.high)
    return Paired(
        difference=difference,
        p_value=(extreme + 1) / (draws + 1),
        num_better=int((differences > 0).sum()),
        num_worse=int((differences < 0).sum()),
    )
