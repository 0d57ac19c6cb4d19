"""Text and pictures together: each picture's placeholder becomes as many as the picture has tokens.

This file is copied beside saved weights, where servers load it by `trust_remote_code`: it imports nothing of Deftly.
"""

from __future__ import annotations

from typing import Any

from transformers import BatchFeature, ProcessorMixin
from transformers.image_utils import make_flat_list_of_images


class KimiVLProcessor(ProcessorMixin):  # type: ignore[misc]
    """`processor(text=…, images=…)` -> `input_ids`, `attention_mask`, `pixel_values`, `image_grid_hws`."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None, **_: Any) -> None:
        self.image_token = "<|media_pad|>"
        super().__init__(image_processor, tokenizer, chat_template=chat_template)

    def __call__(
        self, images: Any = None, text: str | list[str] | None = None, return_tensors: str | None = None, **options: Any
    ) -> BatchFeature:
        if text is None and images is None:
            raise ValueError("nothing to process: give text, images or both")
        texts = [text] if isinstance(text, str) else list(text or ())
        seen: dict[str, Any] = {}
        if images is not None and len(pictures := make_flat_list_of_images(images)):
            seen = dict(self.image_processor(pictures, return_tensors=return_tensors))
            merged = self.image_processor.merge_kernel_size[0] * self.image_processor.merge_kernel_size[1]
            texts = self._expanded(texts, [int(rows * columns) // merged for rows, columns in seen["image_grid_hws"]])
        options = {name: options[name] for name in ("padding", "truncation", "max_length", "add_special_tokens") if name in options}
        words = dict(self.tokenizer(texts, return_tensors=return_tensors, **options)) if texts else {}
        return BatchFeature(data={**words, **seen})

    def _expanded(self, texts: list[str], counts: list[int]) -> list[str]:
        places = sum(text.count(self.image_token) for text in texts)
        if texts and places != len(counts):
            raise ValueError(f"the text has {places} places for pictures ({self.image_token}), and there are {len(counts)} pictures")
        remaining = iter(counts)
        parts = [text.split(self.image_token) for text in texts]
        return [first + "".join(self.image_token * next(remaining) + part for part in rest) for first, *rest in parts]

    def batch_decode(self, *args: Any, **options: Any) -> Any:
        return self.tokenizer.batch_decode(*args, **options)

    def decode(self, *args: Any, **options: Any) -> Any:
        return self.tokenizer.decode(*args, **options)
