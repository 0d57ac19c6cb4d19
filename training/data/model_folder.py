"""What preparing needs of a model's folder: tokenizer, chat template, picture settings; not its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.engines.base import Message
from inference.families import Family
from inference.models import register_native_models
from inference.vlm.checkpoint import quiet, read_picture_settings, read_tokenizer, with_limits
from inference.vlm.one_stream import is_one_stream
from inference.vlm.pictures import PictureReader
from inference.vlm.prompt import PromptReader
from training.errors import DataSetError


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """`end` are the tokens that the chat template puts after an answer, up to the one that ends it.

    `is_one_stream` says that pictures are tokens like text.
    """

    name: str
    tokenizer: Any
    pictures: PictureReader
    prompts: PromptReader
    end: npt.NDArray[np.int64]
    vocabulary: int
    is_one_stream: bool


def open_model_folder(folder: Path, family: Family) -> ModelFolder:
    """The parts of the model in `folder` by which text and pictures become its input, with `family`'s limits on pictures.

    Raises:
        DataSetError: something of it is missing.
    """
    from transformers import AutoConfig

    register_native_models()
    try:
        with quiet():
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            tokenizer = read_tokenizer(folder)
            settings = read_picture_settings(folder)
    except (OSError, ValueError, KeyError) as error:
        raise DataSetError(f"the model in {folder} cannot be opened: {error}") from error
    pictures = with_limits(settings, family.image.min_pixels, family.image.max_pixels)
    return ModelFolder(
        name=folder.resolve().name,
        tokenizer=tokenizer,
        pictures=pictures,
        prompts=PromptReader(tokenizer=tokenizer, pictures=pictures, image_token_id=config.image_token_id),
        end=_end(tokenizer, folder),
        vocabulary=len(tokenizer),
        is_one_stream=is_one_stream(config),
    )


def _end(tokenizer: Any, folder: Path) -> npt.NDArray[np.int64]:
    """Found by rendering a chat with an answer: what stands behind the answer, up to the first token that ends one."""
    answer = "answer"
    chat = [Message(role="user", content=("question",)), Message(role="assistant", content=(answer,))]
    text = str(tokenizer.apply_chat_template([{"role": m.role, "content": m.content[0]} for m in chat], tokenize=False))
    behind = text[text.rindex(answer) + len(answer) :]
    ids = list(tokenizer(behind, add_special_tokens=False)["input_ids"])
    if tokenizer.eos_token_id not in ids:
        raise DataSetError(f"{folder}: the chat template puts {behind!r} behind an answer, without {tokenizer.eos_token!r}, which ends one")
    return np.asarray(ids[: ids.index(tokenizer.eos_token_id) + 1], dtype=np.int64)
