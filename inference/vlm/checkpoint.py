"""A model's Hugging Face folder, loaded: the network, the tokenizer, and the numbers that its pictures and its answers need."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.engines.base import EngineError
from inference.models import MissingModel, bundled_model, find_model, register_native_models
from inference.vlm import one_stream
from inference.vlm.machine import find_device, find_dtype, set_threads
from inference.vlm.pictures import PictureReader
from inference.vlm.products_taken import take_our_products
from inference.vlm.quantized import check_quantization, format_for, quantize_language_model

if TYPE_CHECKING:
    import torch

# Their pictures are patches merged in squares, their positions three-fold, their features handed over by `mm_encoder_outputs`.
MODEL_TYPES = (
    "qwen2_vl",
    "qwen2_5_vl",
    "qwen3_vl",
    "qwen3_vl_moe",
    "qwen3_5",
    "qwen3_5_moe",
    "kimi_vl",
    "opencua",
    *one_stream.MODEL_TYPES,
)
IN_LINE = ("opencua",)  # their pictures' tokens count on like those of a text, though pictures are resized


class BadModel(EngineError, ValueError):
    """The folder holds no model that this engine can run; the message names the folder and the mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """All that one model folder holds, ready to use. `silent_ids` are tokens that no answer may hold."""

    name: str
    model: Any
    tokenizer: Any
    pictures: PictureReader
    image_token_id: int
    end_ids: frozenset[int]
    silent_ids: tuple[int, ...]
    max_length: int
    num_parameters: int


def load_checkpoint(
    folder: Path, *, device: torch.device, dtype: torch.dtype | str, attn_implementation: str, quantize: str | None = None
) -> Checkpoint:
    """The model in `folder`, on `device`; its language model's weights in 8 or 4 bits where `quantize` says so.

    Raises:
        BadModel: the folder does not hold a whole model of a kind that this engine runs.
        CannotQuantize: its weights cannot be brought to so few bits.
    """
    from transformers import AutoConfig, AutoModelForImageTextToText

    check_quantization(quantize)
    register_native_models()
    try:
        with quiet():
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            _check_type(folder, config.model_type)
            tokenizer = read_tokenizer(folder)
            pictures = read_picture_settings(folder)
            model, info = AutoModelForImageTextToText.from_pretrained(
                folder,
                dtype=format_for(quantize, dtype, device),
                attn_implementation=attn_implementation,
                local_files_only=True,
                output_loading_info=True,
            )
    except BadModel:
        raise
    except _load_errors() as error:
        raise BadModel(f"the model in {folder} cannot be loaded: {_first_line(error)}") from error
    _check_weights(folder, info)
    if not tokenizer.chat_template:
        raise BadModel(f"{folder} has no chat template: add chat_template.jinja, or chat_template to tokenizer_config.json")
    num_parameters = model.num_parameters()
    take_our_products(model)
    if quantize is not None:
        quantize_language_model(model, quantize, device)
    end_ids = end_ids_of(model, tokenizer)
    return Checkpoint(
        name=folder.resolve().name,
        model=model.to(device).eval().requires_grad_(False),
        tokenizer=tokenizer,
        pictures=pictures,
        image_token_id=config.image_token_id,
        end_ids=end_ids,
        silent_ids=one_stream.silent_ids(config, tokenizer, end_ids),
        max_length=config.get_text_config().max_position_embeddings,
        num_parameters=num_parameters,
    )


def open_checkpoint(
    model: str | Path | None,
    *,
    device: str,
    dtype: str,
    attn_implementation: str,
    min_pixels: int | None,
    max_pixels: int | None,
    quantize: str | None = None,
) -> Checkpoint:
    """The model in the folder `model`, or the bundled one, as an engine's options ask for it; torch's threads are set to fit its size.

    Raises:
        BadModel: the folder holds no model that our engines can run.
        CannotQuantize: its weights cannot be brought to so few bits.
        ValueError: no device or number format is called so.
    """
    try:
        folder = find_model(bundled_model() if model is None else model)
    except MissingModel as error:
        raise BadModel(str(error)) from error
    where = find_device(device)
    checkpoint = load_checkpoint(
        folder, device=where, dtype=find_dtype(dtype, where), attn_implementation=attn_implementation, quantize=quantize
    )
    set_threads(checkpoint.num_parameters)
    return replace(checkpoint, pictures=with_limits(checkpoint.pictures, min_pixels, max_pixels))


def with_limits(pictures: PictureReader, min_pixels: int | None, max_pixels: int | None) -> PictureReader:
    """`pictures` with other limits on a picture's size, where they are given: a family may set its own."""
    return replace(
        pictures,
        min_pixels=pictures.min_pixels if min_pixels is None else min_pixels,
        max_pixels=pictures.max_pixels if max_pixels is None else max_pixels,
    )


def _check_type(folder: Path, model_type: str) -> None:
    if model_type not in MODEL_TYPES:
        raise BadModel(
            f"{folder} holds a {model_type} model, and this engine runs {', '.join(MODEL_TYPES)}: "
            "serve it with vLLM and use the engine openai"
        )


def model_type_of(folder: Path) -> str | None:
    """What the folder's `config.json` calls its architecture, where there is one."""
    file = folder / "config.json"
    return json.loads(file.read_text()).get("model_type") if file.is_file() else None


def read_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer; Moonshot's, which is published as a tiktoken file, without its remote code, and Meta's with a template."""
    from transformers import AutoTokenizer

    from inference.models.kimi_vl.tokens import VOCABULARY_FILE, load_tokenizer

    if (folder / VOCABULARY_FILE).is_file() and not (folder / "tokenizer.json").is_file():
        return load_tokenizer(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if not tokenizer.chat_template and one_stream.knows_pictures(tokenizer):
        tokenizer.chat_template = one_stream.CHAT_TEMPLATE
    return tokenizer


def read_picture_settings(folder: Path) -> PictureReader:
    """The numbers in the folder's `preprocessor_config.json`, by which pictures become patches."""
    from inference.vlm.padded_pictures import padded_settings
    from inference.vlm.square_pictures import square_settings

    filled = padded_settings(folder) or square_settings(folder)
    if filled is not None:
        return PictureReader(**filled)
    # Named directly: the class that AutoImageProcessor would choose wants torchvision, and says so when it is missing.
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    settings = Qwen2VLImageProcessorPil.from_pretrained(folder, local_files_only=True)
    for name in ("do_resize", "do_rescale", "do_normalize"):
        if not getattr(settings, name):
            raise BadModel(f"{folder}: {name} is off in preprocessor_config.json, and this engine always does it")
    return PictureReader(
        positions="line" if model_type_of(folder) in IN_LINE else "grid",
        patch_size=settings.patch_size,
        merge_size=settings.merge_size,
        temporal_patch_size=settings.temporal_patch_size,
        min_pixels=settings.size["shortest_edge"],
        max_pixels=settings.size["longest_edge"],
        mean=tuple(settings.image_mean),
        std=tuple(settings.image_std),
        rescale=settings.rescale_factor,
        resample=int(settings.resample),
    )


def _check_weights(folder: Path, info: dict[str, Any]) -> None:
    """transformers itself only warns about these, and goes on with random weights."""
    for what, keys in (("lacks", info["missing_keys"]), ("has the wrong shape for", info["mismatched_keys"])):
        if keys:
            names = sorted(str(key) for key in keys)
            raise BadModel(f"the model in {folder} {what} {len(names)} of its weights, {names[0]} among them: fetch or export it again")


def end_ids_of(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: those of the generation settings and the tokenizer's own, as in vLLM."""
    ids = model.generation_config.eos_token_id
    given = ids if isinstance(ids, (list, tuple)) else (ids,)
    return frozenset(number for number in (*given, tokenizer.eos_token_id) if number is not None)


def _load_errors() -> tuple[type[Exception], ...]:
    """What transformers raises over a folder that is not as it should be."""
    from safetensors import SafetensorError

    return (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError, SafetensorError)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, and no advice to people who write models; errors still come as exceptions."""
    from transformers.utils import logging as hub_logging

    level, bars = hub_logging.get_verbosity(), hub_logging.is_progress_bar_enabled()
    hub_logging.set_verbosity(logging.ERROR)
    hub_logging.disable_progress_bar()
    try:
        yield
    finally:
        hub_logging.set_verbosity(level)
        if bars:
            hub_logging.enable_progress_bar()
