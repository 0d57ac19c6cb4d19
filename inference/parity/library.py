"""transformers' own way: its image processor, its model class, its `generate`. Kimi-VL runs as `Kimi_K25`, of which it is a case.

Chameleon is shown squares, of which its processor cuts nothing off, and may not say what no answer in text may hold.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from inference.models import find_model, register_native_models
from inference.parity.ours import following
from inference.parity.screens import Screen
from inference.parity.trace import Trace, top
from inference.vlm.checkpoint import end_ids_of, quiet, read_tokenizer
from inference.vlm.machine import find_device, find_dtype
from inference.vlm.one_stream import is_one_stream, silent_ids

PROJECTOR = {
    r"^multi_modal_projector.linear_1": "mm_projector.proj.0",
    r"^multi_modal_projector.linear_2": "mm_projector.proj.2",
    r"^multi_modal_projector.pre_norm": "mm_projector.pre_norm",
}


def load_kimi_k25(folder: Path, **options: Any) -> Any:
    """A Kimi-VL folder in transformers' `Kimi_K25ForConditionalGeneration`: its eyes of a film of one moment are MoonViT."""
    from transformers import Kimi_K25Config, Kimi_K25ForConditionalGeneration

    config = json.loads((folder / "config.json").read_text())
    eyes = {name: value for name, value in config["vision_config"].items() if name != "model_type"}
    for side in ("height", "width"):
        eyes[f"pos_emb_{side}"] = eyes.pop(f"init_pos_emb_{side}")
    text = config["text_config"] | {"model_type": "deepseek_v3", "num_nextn_predict_layers": 0}
    translated = Kimi_K25Config(
        text_config=text,
        vision_config=eyes | {"pos_emb_time": 4},
        projection_hidden_size=eyes["hidden_size"],
        image_token_id=config["media_placeholder_token_id"],
        tie_word_embeddings=False,
    )
    return Kimi_K25ForConditionalGeneration.from_pretrained(
        folder, config=translated, key_mapping=PROJECTOR, attn_implementation="sdpa", local_files_only=True, **options
    )


class LibraryWay:
    """The model in `folder`, by transformers alone."""

    name = "transformers"

    def __init__(self, folder: Path, *, device: str = "auto", dtype: str = "float32") -> None:
        from transformers import AutoConfig, AutoModelForImageTextToText

        register_native_models()
        folder, self._device = find_model(folder), find_device(device)
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        self._is_kimi, self._is_one_stream = config.model_type == "kimi_vl", is_one_stream(config)
        load = load_kimi_k25 if self._is_kimi else AutoModelForImageTextToText.from_pretrained
        with quiet():
            self._model = load(folder, dtype=find_dtype(dtype, self._device)).to(self._device).eval()
        self._tokenizer = read_tokenizer(folder)
        self._processor = _image_processor(folder, config.model_type)
        self._silent = list(silent_ids(config, self._tokenizer, end_ids_of(self._model, self._tokenizer)))

    def run(self, screen: Screen, max_tokens: int) -> Trace:
        import torch

        inputs = self._inputs(screen)
        ids = inputs["input_ids"][0]
        with torch.inference_mode():
            plain = {name: value for name, value in inputs.items() if name != "attention_mask"}
            hidden = self._model.model(**plain, use_cache=False).last_hidden_state[0]
            logprobs = following(self._model.get_output_embeddings(), hidden, self._read(inputs))
            options: dict[str, Any] = {"suppress_tokens": self._silent} if self._silent else {}
            options |= {"output_logits": True, "return_dict_in_generate": True}
            made = self._model.generate(**inputs, max_new_tokens=max_tokens, do_sample=False, **options)
            for row in made.logits:
                row[:, self._silent] = torch.finfo(row.dtype).min
        rows = [row[0].float() for row in made.logits]
        return Trace(
            prompt_ids=ids.cpu().numpy(),
            prompt_logprobs=logprobs,
            answer=tuple(made.sequences[0, len(ids) :].tolist()),
            steps=tuple(top(row.log_softmax(-1).cpu().numpy()) for row in rows),
            logits=np.stack([row.cpu().numpy() for row in rows]),
        )

    def close(self) -> None:
        """Nothing is held but memory."""

    def _read(self, inputs: dict[str, Any]) -> Any:
        """The prompt `[T]` with the tokens of pictures in it, where they are tokens."""
        ids = inputs["input_ids"][0]
        if not self._is_one_stream or "pixel_values" not in inputs:
            return ids
        tokens = self._model.get_image_tokens(inputs["pixel_values"]).flatten()
        return ids.masked_scatter(ids == self._model.config.image_token_id, tokens.to(ids.dtype))

    def _inputs(self, screen: Screen) -> dict[str, Any]:
        import torch

        chat = [
            {"role": m.role, "content": [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in m.content]}
            for m in screen.messages
        ]
        pieces = self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        pictures = [part.rgb for message in screen.messages for part in message.content if not isinstance(part, str)]
        if self._is_one_stream:
            pictures = [_in_square(rgb) for rgb in pictures]
        seen = dict(self._processor(images=pictures, return_tensors="pt")) if pictures else {}
        if self._is_one_stream:
            return self._streamed(pieces, seen)
        grids = seen.pop("image_grid_hws", seen.get("image_grid_thw", torch.zeros(0, 2, dtype=torch.long)))
        if pictures:
            seen["image_grid_thw"] = grids if grids.shape[1] == 3 else torch.cat([torch.ones_like(grids[:, :1]), grids], dim=1)
        token = self._model.config.image_token_id
        ids = [
            part
            for number, count in _expand(self._tokenizer(pieces, add_special_tokens=False)["input_ids"], token, grids.prod(-1).tolist())
            for part in [number] * count
        ]
        row = torch.tensor([ids])
        words = {"input_ids": row, "attention_mask": torch.ones_like(row)}
        if self._model.config.model_type.startswith("qwen"):  # their positions follow from where pictures are
            words["mm_token_type_ids"] = (row == token).int()
        return {name: value.to(self._device) for name, value in (words | seen).items()}

    def _streamed(self, text: str, seen: dict[str, Any]) -> dict[str, Any]:
        import torch

        eyes = self._model.config.vq_config
        side = seen["pixel_values"].shape[-1] // 2 ** (len(eyes.channel_multiplier) - 1) if seen else 0
        text = text.replace("<image>", "<image>" * side**2)
        row = self._tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        words = {"input_ids": row, "attention_mask": torch.ones_like(row)}
        return {name: value.to(self._device) for name, value in (words | seen).items()}


def _in_square(rgb: Any) -> Any:
    """Filled up at the right and the bottom."""
    height, width = rgb.shape[:2]
    return np.pad(rgb, ((0, max(0, width - height)), (0, max(0, height - width)), (0, 0)))


def _expand(ids: list[int], token: int, patches: list[int], merged: int = 4) -> list[tuple[int, int]]:
    """Each id with how often it stands in the prompt: a picture's placeholder as often as the picture has tokens."""
    counts = iter(patches)
    return [(number, next(counts) // merged if number == token else 1) for number in ids]


def _image_processor(folder: Path, kind: str) -> Any:
    if kind == "chameleon":
        from transformers.models.chameleon.image_processing_pil_chameleon import ChameleonImageProcessorPil

        return ChameleonImageProcessorPil.from_pretrained(folder, local_files_only=True)
    if kind == "kimi_vl":
        from inference.models.kimi_vl.image_processing_kimi_vl import KimiVLImageProcessor

        return KimiVLImageProcessor.from_pretrained(folder, local_files_only=True)
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    return Qwen2VLImageProcessorPil.from_pretrained(folder, local_files_only=True)
