"""Which token comes next: the most likely one, or one drawn as the request says, with vLLM's meaning of each option."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from inference.engines.base import ChatRequest

if TYPE_CHECKING:
    import torch


class Sampler:
    """Picks the tokens of one answer. Two samplers with the same request and seed pick the same from the same logits."""

    def __init__(self, request: ChatRequest) -> None:
        import torch

        self._temperature = request.temperature
        self._top_p = request.top_p
        self._penalty = request.frequency_penalty
        self._counts: Counter[int] = Counter()
        self._dice = torch.Generator()
        if request.seed is None:
            self._dice.seed()
        else:
            self._dice.manual_seed(request.seed)

    @property
    def takes_the_likeliest(self) -> bool:
        """Whether nothing but the logits of this moment decides, so that others may pick for it."""
        return self._temperature == 0 and not self._penalty

    def pick(self, logits: torch.Tensor) -> int:
        """The next token, given the logits of all `V`."""
        logits = self._penalised(logits)
        token = int(logits.argmax()) if self._temperature == 0 else self._draw(logits)
        if self._penalty:
            self._counts[token] += 1
        return token

    def _penalised(self, logits: torch.Tensor) -> torch.Tensor:
        """Each token loses `frequency_penalty` for every time that it stands in the answer already."""
        if not self._counts:
            return logits
        logits = logits.float().clone()
        for token, count in self._counts.items():
            logits[token] -= self._penalty * count
        return logits

    def _draw(self, logits: torch.Tensor) -> int:
        import torch

        # On the CPU, so that a seed draws the same on every device.
        probabilities = torch.softmax(logits.float().cpu() / self._temperature, dim=-1)
        if self._top_p < 1:
            ordered, order = probabilities.sort(descending=True)
            before = ordered.cumsum(-1) - ordered
            ordered[before >= self._top_p] = 0  # the first token always stays
            return int(order[torch.multinomial(ordered, 1, generator=self._dice)])
        return int(torch.multinomial(probabilities, 1, generator=self._dice))
