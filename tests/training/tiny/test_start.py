"""Training goes on from an exported model, though its vocabulary be another."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inference.models import bundled_model
from training.tiny.architecture import build_model
from training.tiny.start import start_from
from training.tiny.tokenizer import build_tokenizer


def test_what_is_spelt_alike_is_answered_alike_and_a_new_word_begins_as_its_letters() -> None:
    from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

    before = PreTrainedTokenizerFast.from_pretrained(bundled_model())
    old = Qwen2_5_VLForConditionalGeneration.from_pretrained(bundled_model(), dtype=torch.float32)
    tokenizer = build_tokenizer([" button", "Zyx"])
    model = build_model(tokenizer)
    assert start_from(bundled_model(), model, tokenizer) == 1
    text = "Task: 17 42 button\nDone: "
    ids, theirs = tokenizer(text).input_ids, before(text).input_ids
    assert tokenizer.convert_ids_to_tokens(ids) == before.convert_ids_to_tokens(theirs)
    with torch.no_grad():
        logits, wanted = (m(input_ids=torch.tensor([row])).logits[0] for m, row in ((model, ids), (old, theirs)))
    for token in (*ids, tokenizer.convert_tokens_to_ids("7")):
        text_of = tokenizer.convert_ids_to_tokens(token)
        torch.testing.assert_close(logits[:, token], wanted[:, before.convert_tokens_to_ids(text_of)], rtol=1e-4, atol=1e-4)
    rows, known = model.get_input_embeddings().weight, old.get_input_embeddings().weight
    letters = [before.convert_tokens_to_ids(letter) for letter in "Zyx"]
    torch.testing.assert_close(rows[tokenizer.convert_tokens_to_ids("Zyx")], known[letters].mean(0))


def test_a_model_of_another_shape_is_refused_by_name(tmp_path: Path) -> None:
    tokenizer = build_tokenizer([])
    other = build_model(tokenizer)
    del other.model.language_model.layers[3:]
    other.config.text_config.num_hidden_layers = 3
    other.config.text_config.layer_types = other.config.text_config.layer_types[:3]
    other.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"not a model of this shape.*layers\.3"):
        start_from(tmp_path, build_model(tokenizer), tokenizer)
