"""Our way: the in-process engine's own parts, from its picture reader to its cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.models import find_model
from inference.parity.screens import Screen
from inference.parity.trace import Trace, top
from inference.vlm.checkpoint import load_checkpoint
from inference.vlm.machine import find_device, find_dtype
from inference.vlm.memory import Recalled
from inference.vlm.network import Network
from inference.vlm.prompt import PromptReader

if TYPE_CHECKING:
    import torch

CHUNK = 256  # tokens whose logits are held at once


class OurWay:
    """The model in `folder`, in float32 unless told otherwise.

    Raises:
        BadModel: the folder holds no model that the engine runs.
    """

    name = "deftly"

    def __init__(self, folder: Path, *, device: str = "auto", dtype: str = "float32") -> None:
        where = find_device(device)
        self.checkpoint = load_checkpoint(find_model(folder), device=where, dtype=find_dtype(dtype, where), attn_implementation="sdpa")
        parts = self.checkpoint
        self._prompts = PromptReader(tokenizer=parts.tokenizer, pictures=parts.pictures, image_token_id=parts.image_token_id)
        self._network = Network(parts.model, parts.pictures, device=where, num_pictures_kept=4, silent_ids=parts.silent_ids)

    def run(self, screen: Screen, max_tokens: int) -> Trace:
        prompt = self._prompts.read(screen.messages)
        cache = self._network.new_cache()
        rows = [self._network.read(prompt, Recalled(cache, 0)).float()]
        answer = [int(rows[0].argmax())]
        while len(answer) < max_tokens and answer[-1] not in self.checkpoint.end_ids:
            rows.append(self._network.step(answer[-1], prompt.next_position + len(answer) - 1, cache).float())
            answer.append(int(rows[-1].argmax()))
        logits = np.stack([row.cpu().numpy() for row in rows])
        return Trace(
            prompt_ids=prompt.ids,
            prompt_logprobs=self._prompt_logprobs(prompt),
            answer=tuple(answer),
            steps=tuple(top(row.log_softmax(-1).cpu().numpy()) for row in rows),
            logits=logits,
        )

    def close(self) -> None:
        self._network.forget()

    def _prompt_logprobs(self, prompt: Any) -> Any:
        import torch

        with torch.inference_mode():
            inputs = self._network.inputs(prompt)
            hidden = self.checkpoint.model.model(**inputs, use_cache=False).last_hidden_state[0]
            return following(self.checkpoint.model.get_output_embeddings(), hidden, inputs["input_ids"][0])


def following(head: Any, hidden: torch.Tensor, ids: torch.Tensor) -> Any:
    """Log-probabilities `[T]` of `ids` `[T]`, each from the state before it; NaN first. Never the logits of all tokens at once."""
    import torch

    found = [
        head(part).float().log_softmax(-1).gather(1, tokens[:, None])[:, 0]
        for part, tokens in zip(torch.split(hidden[:-1], CHUNK), torch.split(ids[1:], CHUNK), strict=True)
    ]
    return np.concatenate([[np.float32("nan")], *(part.cpu().numpy() for part in found)]).astype(np.float32)
