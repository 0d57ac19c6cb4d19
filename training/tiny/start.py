"""Goes on from an exported deftly-tiny whose vocabulary may be another: what a token stood for is carried over by its text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

EMBEDDING = "model.language_model.embed_tokens.weight"


def start_from(folder: Path, model: Qwen2_5_VLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast) -> int:
    """Put the weights of `folder` in `model`, whose words are `tokenizer`'s. Returns how many tokens are new.

    A token that the folder does not have starts as the mean of the tokens that spelt it there.

    Raises:
        ValueError: the folder's model has another shape.
    """
    from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

    before = PreTrainedTokenizerFast.from_pretrained(folder)
    saved = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).state_dict()
    saved.pop("lm_head.weight", None)  # tied
    rows, known = saved.pop(EMBEDDING), before.get_vocab()
    own = model.state_dict()
    wrong = [name for name, weight in saved.items() if name not in own or own[name].shape != weight.shape]
    missing = own.keys() - saved.keys() - {EMBEDDING, "lm_head.weight"}
    if wrong or missing:
        raise ValueError(f"{folder}: not a model of this shape, as {sorted([*wrong, *missing])[0]} shows; train without --start")
    model.load_state_dict(saved, strict=False)
    embedding, num_new = model.get_input_embeddings().weight, 0
    with torch.no_grad():
        for text, token in tokenizer.get_vocab().items():
            spelt = [known[text]] if text in known else before(text, add_special_tokens=False).input_ids
            num_new += text not in known
            embedding[token] = rows[spelt].mean(0)
    return num_new
