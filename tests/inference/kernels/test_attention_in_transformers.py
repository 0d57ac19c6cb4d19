"""A Qwen2.5-VL whose attention is ours gives what it gives with transformers' own: logits and gradients, packed or padded."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from inference.kernels.flash_attention import calls
from inference.kernels.transformers import NAME, MaskNotHonoured, attention_forward, attention_mask, set_attention

GRIDS = [(4, 6), (8, 4)]  # of patches, in pictures
PAD, IMAGE, START, END = 256, 268, 265, 266


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(0)
    text = {
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
    }
    vision = {
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_heads": 4,
        "out_hidden_size": 64,
        "window_size": 56,
        "fullatt_block_indexes": [1],
    }
    config = Qwen2_5_VLConfig(
        text_config=text, vision_config=vision, image_token_id=IMAGE, vision_start_token_id=START, vision_end_token_id=END
    )
    return Qwen2_5_VLForConditionalGeneration._from_config(config, attn_implementation="sdpa").float().eval()


def sample(model: Any, grid: tuple[int, int] | None, num_words: int, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    words = torch.randint(0, 250, (num_words,), generator=generator).tolist()
    if grid is None:
        ids = torch.tensor([words])
        return {"input_ids": ids, "position_ids": torch.arange(ids.shape[1]).expand(3, 1, -1)}
    rows, columns = grid
    picture = [START, *[IMAGE] * (rows * columns // 4), END]
    ids = torch.tensor([[*words, *picture, *words]])
    thw = torch.tensor([[1, rows, columns]])
    positions, _ = model.model.get_rope_index(ids, image_grid_thw=thw, mm_token_type_ids=(ids == IMAGE).int())
    pixels = torch.randn(rows * columns, 3 * 2 * 14 * 14, generator=generator)
    return {"input_ids": ids, "position_ids": positions, "pixel_values": pixels, "image_grid_thw": thw}


def packed(samples: list[dict[str, Tensor]]) -> dict[str, Any]:
    lengths = [s["input_ids"].shape[1] for s in samples]
    starts = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32)
    pictures = [s for s in samples if "pixel_values" in s]
    return {
        "input_ids": torch.cat([s["input_ids"] for s in samples], 1),
        "position_ids": torch.cat([s["position_ids"] for s in samples], 2),
        "pixel_values": torch.cat([s["pixel_values"] for s in pictures]),
        "image_grid_thw": torch.cat([s["image_grid_thw"] for s in pictures]),
        "cu_seq_lens_q": starts,
        "cu_seq_lens_k": starts,
        "max_length_q": max(lengths),
        "max_length_k": max(lengths),
    }


@pytest.fixture
def samples(model: Any) -> list[dict[str, Tensor]]:
    return [sample(model, GRIDS[0], 5, 1), sample(model, None, 11, 2), sample(model, GRIDS[1], 7, 3)]


def logits(model: Any, attention: str, **inputs: Any) -> Tensor:
    set_attention(model, attention)
    output: Tensor = model(**inputs, use_cache=False).logits
    return output


def gradients(model: Any, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("other", ["sdpa", "eager"])
def test_a_packed_row_is_its_samples(model: Any, samples: list[dict[str, Tensor]], other: str) -> None:
    alone = torch.cat([logits(model, other, **s) for s in samples], 1)
    target = torch.randn(alone.shape, generator=torch.Generator().manual_seed(9))
    theirs = gradients(model, (alone * target).sum())
    before = calls().get("cpu.forward", 0) + calls().get("torch.forward", 0)
    row = logits(model, NAME, **packed(samples))
    after = calls().get("cpu.forward", 0) + calls().get("torch.forward", 0)
    ours = gradients(model, (row * target).sum())
    assert after - before == 2 + 2  # layers of text, and of vision: windows in one call
    torch.testing.assert_close(row, alone, rtol=1e-4, atol=1e-5)
    assert ours.keys() == theirs.keys()
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-3, atol=1e-3, msg=lambda text, name=name: f"{name}: {text}")


def test_text_positions_that_start_again_are_segments_too(model: Any, samples: list[dict[str, Tensor]]) -> None:
    alone = torch.cat([logits(model, "sdpa", **s) for s in samples], 1)
    row = packed(samples)
    lengths = row.pop("cu_seq_lens_q").diff().tolist()
    for name in ("cu_seq_lens_k", "max_length_q", "max_length_k"):
        del row[name]
    text = torch.cat([torch.arange(length) for length in lengths])[None, None]
    row["position_ids"] = torch.cat([text, row["position_ids"]])
    torch.testing.assert_close(logits(model, NAME, **row), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_honoured(model: Any, side: str) -> None:
    long, short = sample(model, None, 12, 1)["input_ids"], sample(model, None, 7, 2)["input_ids"]
    pad = torch.full((1, 5), PAD)
    short_row = torch.cat([pad, short] if side == "left" else [short, pad], 1)
    ids = torch.cat([long, short_row])
    mask = (ids != PAD).long()
    theirs, ours = (logits(model, name, input_ids=ids, attention_mask=mask) for name in ("sdpa", NAME))
    real = mask.bool()
    torch.testing.assert_close(ours[real], theirs[real], rtol=1e-4, atol=1e-5)


def test_an_answer_is_the_same_word_by_word(model: Any) -> None:
    inputs = sample(model, GRIDS[0], 5, 1)
    del inputs["position_ids"]
    inputs["mm_token_type_ids"] = (inputs["input_ids"] == IMAGE).int()
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    answers = []
    for name in ("sdpa", NAME):
        set_attention(model, name)
        answers.append(model.generate(**inputs, max_new_tokens=8, do_sample=False, pad_token_id=PAD))
    assert torch.equal(*answers)


def test_what_cannot_be_honoured_is_refused() -> None:
    from transformers.masking_utils import and_masks, causal_mask_function, or_masks, sliding_window_overlay

    def bidirectional_pictures(*_: Any) -> bool:
        return True

    module, x = torch.nn.Module(), torch.zeros(1, 2, 4, 32)
    with pytest.raises(MaskNotHonoured, match=r"attention_mask is torch.float32 \[1, 1, 4, 4\]"):
        attention_forward(module, x, x, x, torch.zeros(1, 1, 4, 4))
    with pytest.raises(MaskNotHonoured, match=r"dropout is 0\.1"):
        attention_forward(module, x, x, x, None, dropout=0.1)
    with pytest.raises(MaskNotHonoured, match="s_aux, and it has no attention sinks"):
        attention_forward(module, x, x, x, None, s_aux=torch.zeros(2))
    with pytest.raises(MaskNotHonoured, match="the model's mask uses or_masks"):
        attention_mask(mask_function=or_masks(causal_mask_function, bidirectional_pictures), kv_length=4)
    window = and_masks(sliding_window_overlay(3), causal_mask_function)
    assert attention_mask(mask_function=window, kv_length=4) is None
    with pytest.raises(MaskNotHonoured, match=r"the model's mask uses test_what_cannot"):
        attention_mask(mask_function=and_masks(causal_mask_function, bidirectional_pictures), kv_length=4)
