"""OpenCUA computes what Qwen2.5-VL does with positions in line, under the published names; its tokenizer comes without remote code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from inference.models.opencua.folder import write_companions
from inference.parity import built_in_screens, compare
from inference.parity.library import LibraryWay
from inference.parity.ours import OurWay
from inference.vlm.checkpoint import load_checkpoint, read_picture_settings, read_tokenizer
from tests.inference.models.tiny_kimi import write_tiktoken
from tests.inference.tiny import build_tiny

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("opencua") / "tiny", kind="opencua")


def as_qwen(folder: Path) -> Any:
    """The same weights in transformers' Qwen2.5-VL."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    config = json.loads((folder / "config.json").read_text())
    text = {name: value for name, value in config["text_config"].items() if name != "model_type"}
    text["rope_parameters"] |= {"mrope_section": [4, 6, 6]}
    place = config["media_placeholder_token_id"]
    model = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=text, vision_config=config["vision_config"], image_token_id=place, tie_word_embeddings=False)
    )
    names = {"language_model.model.": "model.language_model.", "language_model.lm_head.": "lm_head.", "vision_tower.": "model.visual."}
    weights = {}
    for name, value in load_file(folder / "model.safetensors").items():
        (prefix,) = [prefix for prefix in names if name.startswith(prefix)]
        weights[names[prefix] + name.removeprefix(prefix)] = value
    model.load_state_dict(weights)
    return model.eval()


def test_it_is_qwen2_5_vl_with_the_three_rows_of_positions_made_equal(folder: Path) -> None:
    cpu = torch.device("cpu")
    ours = load_checkpoint(folder, device=cpu, dtype=torch.float32, attn_implementation="sdpa").model
    rows, columns = 4, 6
    place = ours.config.image_token_id
    ids = torch.tensor([[5, 6, *[place] * (rows * columns // 4), 7, 8, 9]])
    positions = torch.arange(ids.shape[1]).expand(3, 1, -1)
    seen = {"pixel_values": torch.randn(rows * columns, 3 * 2 * 16 * 16), "image_grid_thw": torch.tensor([[1, rows, columns]])}
    with torch.inference_mode():
        got, wanted = (model(ids, position_ids=positions, **seen).logits for model in (ours, as_qwen(folder)))
    assert float((got - wanted).abs().max()) < 1e-4 * float(wanted.abs().max())


def test_a_check_of_our_path_against_generate_agrees(folder: Path) -> None:
    ours, theirs = OurWay(folder, device="cpu"), LibraryWay(folder, device="cpu")
    for screen in built_in_screens():
        found = compare(screen.name, ours.run(screen, 4), theirs.run(screen, 4), other=theirs.name, tolerance=1e-3)
        assert found.agrees, found


def test_its_tokenizer_and_template_are_read_from_the_published_files(tmp_path: Path) -> None:
    write_tiktoken(tmp_path / "tiktoken.model")
    special = {"286": "<|media_begin|>", "289": "<|media_placeholder|>"}
    template = "{% for m in messages %}<|media_placeholder|>{{ m['content'] }}{% endfor %}"
    tokenizer = {"added_tokens_decoder": {number: {"content": name} for number, name in special.items()}, "chat_template": template}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    (tmp_path / "config.json").write_text('{"model_type": "opencua"}')
    before = read_tokenizer(tmp_path)
    assert before.convert_tokens_to_ids("<|media_placeholder|>") == 289
    assert before.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False) == "<|media_placeholder|>hi"
    write_companions(tmp_path)
    assert read_tokenizer(tmp_path)("click<|media_placeholder|>").input_ids == before("click<|media_placeholder|>").input_ids


def test_its_pictures_tokens_are_counted_in_line(folder: Path) -> None:
    assert read_picture_settings(folder).positions == "line"
