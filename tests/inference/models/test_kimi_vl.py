"""Kimi-VL computes what its formulas say, has the published names and sizes, and packs without mixing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.models.kimi_vl.config import KimiVLConfig, UnsupportedKimi
from inference.models.kimi_vl.experts import balance_routers, grouped_linear, imbalance, routers
from inference.models.kimi_vl.modeling import KimiVLForConditionalGeneration
from inference.models.kimi_vl.vision import BadPicture
from tests.inference.models import reference
from tests.inference.models.tiny_kimi import build_tiny, tiny_config, tiny_model

pytestmark = pytest.mark.model
GRIDS = ((4, 6), (8, 8), (2, 10))  # another size, the table's own, and a long one


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("kimi") / "tiny")


@pytest.fixture(scope="module")
def model(folder: Path) -> KimiVLForConditionalGeneration:
    return load(folder)


def load(folder: Path, **options: Any) -> Any:
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(folder, **options).eval()


def inputs(model: Any, grids: tuple[tuple[int, int], ...] = GRIDS, seed: int = 0) -> dict[str, torch.Tensor]:
    """Text with a picture of each of `grids` in it."""
    torch.manual_seed(seed)
    ids = torch.randint(0, 250, (5,)).tolist()
    for rows, columns in grids:
        ids += [model.config.image_token_id] * (rows * columns // 4) + torch.randint(0, 250, (4,)).tolist()
    patches = torch.randn(sum(rows * columns for rows, columns in grids), 3, 14, 14)
    seen = {"pixel_values": patches, "image_grid_hws": torch.tensor(grids)} if grids else {}
    return {"input_ids": torch.tensor([ids]), **seen}


def published_names(config: Any) -> set[str]:
    """As `vllm/model_executor/models/kimi_vl.py` and the published index have them."""
    text, names = config.text_config, set()

    def add(prefix: str, parts: str, *kinds: str) -> None:
        names.update(f"{prefix}.{part}.{kind}" for part in parts.split() for kind in kinds)

    both = ("weight", "bias")
    add("vision_tower.patch_embed", "proj", *both)
    add("vision_tower.patch_embed", "pos_emb", "weight")
    for number in range(config.vision_config.num_hidden_layers):
        add(f"vision_tower.encoder.blocks.{number}", "norm0 norm1 wqkv wo mlp.fc0 mlp.fc1", *both)
    add("vision_tower.encoder", "final_layernorm", *both)
    add("multi_modal_projector", "pre_norm linear_1 linear_2", *both)
    add("language_model", "model.embed_tokens model.norm lm_head", "weight")
    for number in range(text.num_hidden_layers):
        layer = f"language_model.model.layers.{number}"
        add(layer, "input_layernorm post_attention_layernorm", "weight")
        add(f"{layer}.self_attn", "q_proj kv_a_proj_with_mqa kv_a_layernorm kv_b_proj o_proj", "weight")
        projections = "gate_proj up_proj down_proj"
        if number < text.first_k_dense_replace:
            add(f"{layer}.mlp", projections, "weight")
            continue
        add(f"{layer}.mlp", "gate", "weight", "e_score_correction_bias")
        add(f"{layer}.mlp.shared_experts", projections, "weight")
        for expert in range(text.n_routed_experts):
            add(f"{layer}.mlp.experts.{expert}", projections, "weight")
    return names


def test_saved_weights_have_the_published_names_and_load_whole(folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText

    weights = load_file(folder / "model.safetensors")
    config = tiny_config()
    assert set(weights) == published_names(config)
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    assert shapes["language_model.model.layers.1.mlp.experts.7.gate_proj.weight"] == (32, 64)
    published = tmp_path / "published"
    published.mkdir()
    (published / "config.json").write_text((folder / "config.json").read_text())
    weights["language_model.model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)  # old checkpoints have it
    save_file(weights, published / "model.safetensors", metadata={"format": "pt"})
    _, info = AutoModelForImageTextToText.from_pretrained(published, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]


def test_the_real_configuration_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        model = KimiVLForConditionalGeneration(KimiVLConfig())
    tensors = {**dict(model.named_parameters()), **{n: b for n, b in model.named_buffers() if n.endswith("e_score_correction_bias")}}
    count = {name: value.numel() for name, value in tensors.items()}
    routed = sum(number for name, number in count.items() if re.search(r"\.experts\.", name))
    language = sum(number for name, number in count.items() if "language_model" in name or "lm_head" in name)
    text = model.config.text_config
    assert round(sum(count.values()) / 1e9, 3) == 16.408
    assert round((language - routed + routed * text.num_experts_per_tok / text.n_routed_experts) / 1e9, 3) == 2.915


def test_logits_equal_those_of_the_formulas(model: Any, folder: Path) -> None:
    batch = inputs(model)
    with torch.no_grad():
        ours = model(**batch).logits[0]
    sizes = [rows * columns for rows, columns in GRIDS]
    pictures = [part.view(*grid, 3, 14, 14) for part, grid in zip(batch["pixel_values"].split(sizes), GRIDS, strict=True)]
    wanted = reference.logits(load_file(folder / "model.safetensors"), model.config, batch["input_ids"][0].tolist(), pictures)
    assert float((ours - wanted).abs().max()) <= 1e-5 * float(wanted.abs().max())


def test_eager_attention_gives_the_same(model: Any, folder: Path) -> None:
    batch = inputs(model)
    eager = load(folder, attn_implementation="eager")
    with torch.no_grad():
        torch.testing.assert_close(eager(**batch).logits, model(**batch).logits, atol=2e-5, rtol=1e-5)


def test_a_pack_gives_what_its_samples_give_alone(model: Any) -> None:
    samples = [inputs(model, GRIDS[:1], 1), inputs(model, (), 2), inputs(model, GRIDS[1:], 3)]
    lengths = [sample["input_ids"].shape[1] for sample in samples]
    ends = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32)
    with torch.no_grad():
        alone = torch.cat([model(**sample).logits for sample in samples], dim=1)
        packed = model(
            input_ids=torch.cat([sample["input_ids"] for sample in samples], dim=1),
            pixel_values=torch.cat([sample["pixel_values"] for sample in samples if "pixel_values" in sample]),
            image_grid_hws=torch.tensor(GRIDS),
            position_ids=torch.cat([torch.arange(length) for length in lengths])[None],
            cu_seq_lens_q=ends,
            cu_seq_lens_k=ends,
            max_length_q=max(lengths),
            max_length_k=max(lengths),
        ).logits
    torch.testing.assert_close(packed, alone, atol=1e-5, rtol=1e-5)


def test_generating_with_latents_kept_equals_reading_all_again(model: Any) -> None:
    batch = inputs(model)
    answers = [model.generate(**batch, max_new_tokens=12, do_sample=False, use_cache=kept) for kept in (True, False)]
    assert answers[0].tolist() == answers[1].tolist()


def test_a_batch_padded_at_the_left_gives_what_its_rows_give_alone(model: Any) -> None:
    long, short = inputs(model, (), 4)["input_ids"], inputs(model, (), 5)["input_ids"][:, :3]
    padded = torch.cat([long, torch.cat([torch.zeros(1, long.shape[1] - 3, dtype=torch.long), short], dim=1)])
    mask = torch.ones_like(padded)
    mask[1, :-3] = 0
    together = model.generate(padded, attention_mask=mask, max_new_tokens=6, do_sample=False, eos_token_id=-1)
    for row, alone in zip(together, (long, short), strict=True):
        wanted = model.generate(alone, max_new_tokens=6, do_sample=False, eos_token_id=-1)
        assert row[-6:].tolist() == wanted[0, -6:].tolist()


def test_gradients_reach_every_weight_and_are_those_of_checkpointed_layers() -> None:
    found = []
    for checkpointed in (False, True):
        model = tiny_model().train()
        if checkpointed:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        batch = inputs(model)
        model(**batch, labels=batch["input_ids"]).loss.backward()
        found.append({name: value.grad for name, value in model.named_parameters()})
    assert [name for name, gradient in found[0].items() if gradient is None] == []
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], atol=1e-5, rtol=1e-4, msg=name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("width", [64, 63])
def test_grouped_products_equal_one_for_each_group(dtype: torch.dtype, width: int) -> None:
    torch.manual_seed(0)
    rows, weight = torch.randn(10, width, dtype=dtype), torch.randn(4, 32, width, dtype=dtype)
    ends = torch.tensor([3, 3, 9, 10], dtype=torch.int32)  # one group is empty
    wanted = torch.cat([rows[:3] @ weight[0].T, rows[3:9] @ weight[2].T, rows[9:] @ weight[3].T])
    torch.testing.assert_close(grouped_linear(rows, weight, ends), wanted)


def test_balancing_moves_tokens_to_experts_that_had_few() -> None:
    model = tiny_model().train()
    for router in routers(model):
        router.e_score_correction_bias.zero_()
        router.e_score_correction_bias[0] = 5.0  # all read expert 0
    batch = inputs(model, seed=7)
    before = None
    for _ in range(60):
        model(**batch)
        before = before or imbalance(model)
        balance_routers(model, step=0.1)
    model(**batch)
    assert before == pytest.approx(8 / 3)  # every token, where 3 of 8 would be even
    assert imbalance(model) < 0.75 * before


def test_a_frozen_router_and_one_that_only_answers_count_nothing() -> None:
    model = tiny_model()
    with torch.no_grad():
        model(**inputs(model))
    model.train()
    for router in routers(model):
        router.weight.requires_grad_(False)
    biases = [router.e_score_correction_bias.clone() for router in routers(model)]
    model(**inputs(model))
    balance_routers(model)
    assert imbalance(model) == 1.0
    assert all(torch.equal(old, router.e_score_correction_bias) for old, router in zip(biases, routers(model), strict=True))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_grid_hws": torch.tensor([[3, 8], [8, 8], [2, 10]])}, "3 x 8 patches: both sides must be multiples of 2"),
        ({"image_grid_hws": torch.tensor([[4, 6], [8, 8]])}, "there are 108 patches, and the grids name 88"),
        ({"image_grid_hws": torch.tensor([[8, 8], [4, 6], [2, 10]]), "input_ids": torch.zeros(1, 4, dtype=torch.long)}, "0 places"),
        ({"image_grid_hws": None}, "patches without a grid"),
        ({"image_grid_hws": torch.tensor([[2, 4, 6], [1, 8, 8], [1, 2, 10]])}, "more than one moment"),
    ],
)
def test_pictures_that_do_not_fit_are_refused_in_words(model: Any, change: dict[str, Any], words: str) -> None:
    with pytest.raises(BadPicture, match=words):
        model(**inputs(model) | change)


def test_a_configuration_of_another_router_is_refused() -> None:
    with pytest.raises(UnsupportedKimi, match=r"text_config\.scoring_func is 'softmax'"):
        tiny_config(scoring_func="softmax")


def test_the_saved_configuration_has_the_published_fields(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    assert (config["model_type"], config["architectures"]) == ("kimi_vl", ["KimiVLForConditionalGeneration"])
    assert config["vision_config"]["model_type"] == "moonvit" and config["text_config"]["topk_method"] == "noaux_tc"
    assert config["text_config"]["rope_theta"] == 800000.0
