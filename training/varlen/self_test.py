"""The proof at the start of a run that the loaded model gives packed what it gives sample by sample.

Every known leak between packed samples is silent: the loss is finite and falls. So before the first step, a few of the run's own kind of
samples go through the model twice, packed and one by one through transformers' own path, and the run stops if the results differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.errors import PackingLeaks
from training.packing import Sample, make_pack

# Of the largest logit. Measured: exact paths differ by 1e-6 in fp32 and by 1e-2 in bf16, a leak by 3e-2 or more in either.
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 2.5e-2, torch.float16: 1e-2}


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """What was compared, and how far apart it was as a share of the largest logit."""

    num_samples: int
    num_tokens: int
    difference: float
    tolerance: float


def check_packing(network: Callable[..., Tensor], samples: Sequence[Sample], *, device: torch.device, dtype: torch.dtype) -> SelfTest:
    """Compare `network` (a `PackedNetwork`, or a wrapper of one) on `samples`, packed and one by one.

    Raises:
        PackingLeaks: the results differ by more than rounding.
    """
    samples = [sample for sample in samples if not sample.branches]
    with torch.no_grad():
        packed = network(make_pack(samples).to(device), "logits")
        alone = [network(make_pack([sample]).to(device), "library-logits") for sample in samples]
    # What a model must not say has the lowest number there is: beside that, every difference would be small.
    lowest = torch.finfo(packed.dtype).min
    packed, alone = packed.float(), [logits.float() for logits in alone]
    tolerance = TOLERANCE.get(dtype, TOLERANCE[torch.float32])
    parts = torch.split(packed, [len(sample.ids) for sample in samples])
    largest = max(float(logits[logits > lowest].abs().max()) for logits in alone)
    differences = [float((got - wanted).abs().max()) / largest for got, wanted in zip(parts, alone, strict=True)]
    worst = max(range(len(samples)), key=lambda number: differences[number])
    if not differences[worst] <= tolerance:  # true for NaN too
        raise PackingLeaks(
            f"packed and alone, the model's logits for {samples[worst].name} differ by {differences[worst]:.2g} of the largest one "
            f"(allowed is {tolerance:g}): samples of a pack would learn from each other, so the run stops here"
        )
    return SelfTest(num_samples=len(samples), num_tokens=len(packed), difference=differences[worst], tolerance=tolerance)
