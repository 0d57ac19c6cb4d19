"""The network at work: reads a prompt into a key-value cache, then one token at a time, and says the logits of the next."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.vlm.cache_rows import CacheRows
from inference.vlm.memory import PictureMemory, Recalled
from inference.vlm.pictures import PictureReader
from inference.vlm.prompt import Ids, Placed, Prompt

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache


class Network:
    """A loaded model on `device`. Features of the last `num_pictures_kept` pictures are kept by their hash."""

    def __init__(self, model: Any, pictures: PictureReader, *, device: torch.device, num_pictures_kept: int) -> None:
        self._model = model
        self._pictures = pictures
        self._device = device
        self._features = PictureMemory(num_pictures_kept)

    def new_cache(self) -> DynamicCache:
        from transformers import DynamicCache

        cache = DynamicCache(config=self._model.config.get_text_config())
        cache.whole = True  # no pass over it is under way: a state cannot tell by its size, as keys can
        return cache

    def look(self, picture: Placed) -> Any:
        """What the vision tower makes of `picture`; remembered, so that reading it later costs no looking."""
        return self._features.look(picture.source.sha256, partial(self._encode, picture))

    def read(self, prompt: Prompt, recalled: Recalled, end: int | None = None) -> torch.Tensor:
        """Read what of `prompt` is not in the cache yet, up to `end`; the logits `[V]` of the token after it.

        `end` must not lie within a picture.
        """
        start = recalled.length
        end = len(prompt.ids) if end is None else end
        new = [picture for picture in prompt.pictures if start <= picture.start < end]
        features = {"image": self._look(new)} if new else {}
        return self._forward(prompt.ids[start:end], prompt.positions[:, start:end], recalled.cache, mm_encoder_outputs=features)

    def step(self, token: int, position: int, cache: DynamicCache) -> torch.Tensor:
        """Read `token`, the last of the answer so far; the logits `[V]` of the one after it."""
        return self._forward(np.array([token]), np.full((3, 1), position), cache)

    def step_together(self, tokens: Sequence[int], positions: Sequence[int], rows: CacheRows) -> torch.Tensor:
        """Read the last token of each of `B` answers at once; the logits `[B, V]` of those after them."""
        import torch

        with torch.inference_mode():
            output = self._model(
                input_ids=torch.tensor(tokens, device=self._device)[:, None],
                position_ids=torch.tensor(positions, device=self._device)[None, :, None].expand(3, -1, 1),
                attention_mask=rows.begin_step(),
                past_key_values=rows,
                use_cache=True,
                logits_to_keep=1,
            )
        rows.end_step()
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def forget(self) -> None:
        self._features.forget()

    def _forward(self, ids: Ids, positions: Ids, cache: DynamicCache, **features: Any) -> torch.Tensor:
        import torch

        cache.whole = False
        with torch.inference_mode():
            output = self._model(
                input_ids=torch.from_numpy(ids)[None].to(self._device),
                position_ids=torch.from_numpy(positions)[:, None].to(self._device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
                **features,
            )
        cache.whole = True
        logits: torch.Tensor = output.logits[0, -1]
        return logits

    def _look(self, placed: Sequence[Placed]) -> SimpleNamespace:
        """Features of pictures in the form in which the model hands them from its eyes to its text."""
        seen = [self.look(picture) for picture in placed]
        together = SimpleNamespace(pooler_output=[features.pooler_output[0] for features in seen])
        if hasattr(seen[0], "deepstack_features"):  # Qwen3-VL: features of several depths, each a list of pictures
            depths = zip(*(features.deepstack_features for features in seen), strict=True)
            together.deepstack_features = [[depth[0] for depth in pictures] for pictures in depths]
        return together

    def _encode(self, picture: Placed) -> Any:
        import torch

        patches = torch.from_numpy(self._pictures.patches(picture.source.rgb)).to(self._device)
        grid_thw = torch.tensor([[1, picture.grid.rows, picture.grid.columns]], device=self._device)
        with torch.inference_mode():
            return self._model.get_image_features(patches, grid_thw, return_dict=True)
