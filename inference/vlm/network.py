"""The network at work: reads a prompt into a key-value cache, then one token at a time, and says the logits of the next."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.vlm.cache_rows import CacheRows
from inference.vlm.memory import PictureMemory, Recalled
from inference.vlm.one_stream import is_one_stream, picture_tokens
from inference.vlm.pictures import PictureReader
from inference.vlm.prompt import Ids, Placed, Prompt

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache


class Network:
    """A loaded model on `device`. Features of the last `num_pictures_kept` pictures are kept by their hash.

    `silent_ids` are never likely.
    """

    def __init__(
        self, model: Any, pictures: PictureReader, *, device: torch.device, num_pictures_kept: int, silent_ids: Sequence[int] = ()
    ) -> None:
        self._model = model
        self._pictures = pictures
        self._device = device
        self._features = PictureMemory(num_pictures_kept)
        self._silent_ids = list(silent_ids)
        self._is_one_stream = is_one_stream(model.config)

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
        return self._forward(recalled.cache, **self.inputs(prompt, recalled.length, end))

    def inputs(self, prompt: Prompt, start: int = 0, end: int | None = None) -> dict[str, Any]:
        """What the model itself is called with to read `prompt` from `start` to `end`; its pictures are looked at."""
        import torch

        end = len(prompt.ids) if end is None else end
        ids = torch.from_numpy(prompt.ids[start:end].copy()).to(self._device)
        places = {"position_ids": self._positions(prompt.positions[:, start:end])}
        new = [picture for picture in prompt.pictures if start <= picture.start < end]
        if self._is_one_stream:
            for picture in new:
                tokens = self.look(picture)
                ids[picture.start - start :][: len(tokens)] = tokens
            return places | {"input_ids": ids[None]}
        return places | {"input_ids": ids[None], "mm_encoder_outputs": {"image": self._look(new)} if new else {}}

    def step(self, token: int, position: int, cache: DynamicCache) -> torch.Tensor:
        """Read `token`, the last of the answer so far; the logits `[V]` of the one after it."""
        import torch

        ids = torch.tensor([[token]], device=self._device)
        return self._forward(cache, input_ids=ids, position_ids=self._positions(np.full((3, 1), position)))

    def step_together(self, tokens: Sequence[int], positions: Sequence[int], rows: CacheRows) -> torch.Tensor:
        """Read the last token of each of `B` answers at once; the logits `[B, V]` of those after them."""
        import torch

        with torch.inference_mode():
            output = self._model(
                input_ids=torch.tensor(tokens, device=self._device)[:, None],
                position_ids=self._positions(np.tile(np.asarray(positions), (3, 1)), rows=len(tokens)),
                attention_mask=rows.begin_step(),
                past_key_values=rows,
                use_cache=True,
                logits_to_keep=1,
            )
        rows.end_step()
        return self._sayable(output.logits[:, -1])

    def forget(self) -> None:
        self._features.forget()

    def _forward(self, cache: DynamicCache, **inputs: Any) -> torch.Tensor:
        import torch

        cache.whole = False
        with torch.inference_mode():
            output = self._model(past_key_values=cache, use_cache=True, logits_to_keep=1, **inputs)
        cache.whole = True
        return self._sayable(output.logits[0, -1])

    def _positions(self, positions: Ids, rows: int = 1) -> torch.Tensor:
        """`[3, rows * T]` as the model takes them: `[3, rows, T]`, or `[rows, T]` where a token has only one."""
        import torch

        places = torch.from_numpy(positions).to(self._device).view(3, rows, -1)
        return places[0] if self._is_one_stream else places

    def _sayable(self, logits: torch.Tensor) -> torch.Tensor:
        """`logits` `[..., V]` without what must not be said. The lowest number, as transformers has it: infinity less itself is none."""
        import torch

        if self._silent_ids:
            with torch.inference_mode():
                logits[..., self._silent_ids] = torch.finfo(logits.dtype).min
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
            if self._is_one_stream:
                return picture_tokens(self._model, patches, grid_thw)
            return self._model.get_image_features(patches, grid_thw, return_dict=True)
