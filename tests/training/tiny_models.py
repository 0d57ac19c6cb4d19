"""Random models of every architecture that packing supports, a few thousand parameters each, and samples for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from training.packing import Picture, Sample, shifted

VOCABULARY = 96
IMAGE, VIDEO, VISION_START, VISION_END = 90, 91, 92, 93
TEXT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": True,
}
MROPE = {"rope_parameters": {"rope_type": "default", "rope_theta": 100.0, "mrope_section": [2, 3, 3]}}
HOLES = {"image_token_id": IMAGE, "video_token_id": VIDEO, "vision_start_token_id": VISION_START, "vision_end_token_id": VISION_END}
EYES = {"depth": 2, "num_heads": 2, "spatial_merge_size": 2, "initializer_range": 0.2}


def _auto(kind: str, **parts: Any) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    config = AutoConfig.for_model(kind, **parts)
    auto = AutoModelForImageTextToText if "vision_config" in parts else AutoModelForCausalLM
    return auto.from_config(config)


def qwen2_vl() -> Any:
    eyes = EYES | {"embed_dim": 32, "mlp_ratio": 2, "hidden_size": 32, "patch_size": 4}
    return _auto("qwen2_vl", text_config=TEXT | MROPE, vision_config=eyes, tie_word_embeddings=True, **HOLES)


def qwen2_5_vl() -> Any:
    eyes = EYES | {"hidden_size": 32, "intermediate_size": 48, "out_hidden_size": 32, "patch_size": 4}
    eyes |= {"window_size": 16, "fullatt_block_indexes": [1]}
    return _auto("qwen2_5_vl", text_config=TEXT | MROPE, vision_config=eyes, tie_word_embeddings=True, **HOLES)


def _qwen3_eyes() -> dict[str, Any]:
    return EYES | {
        "hidden_size": 32,
        "intermediate_size": 48,
        "out_hidden_size": 32,
        "patch_size": 4,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0, 1],
    }


def qwen3_vl() -> Any:
    text = TEXT | MROPE | {"head_dim": 16}
    return _auto("qwen3_vl", text_config=text, vision_config=_qwen3_eyes(), tie_word_embeddings=True, **HOLES)


def qwen3_5() -> Any:
    text = TEXT | {
        "head_dim": 16,
        "rope_parameters": {"rope_type": "default", "rope_theta": 100.0, "mrope_section": [2, 3, 3], "partial_rotary_factor": 1.0},
        "layer_types": ["linear_attention", "full_attention"],
        "linear_conv_kernel_dim": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
    }
    eyes = {key: value for key, value in _qwen3_eyes().items() if key != "deepstack_visual_indexes"}
    return _auto("qwen3_5", text_config=text, vision_config=eyes, tie_word_embeddings=True, **HOLES)


def bamba() -> Any:
    """A Mamba-2 hybrid: one state-space layer, one attention layer."""
    mamba = {"mamba_n_heads": 4, "mamba_d_head": "auto", "mamba_n_groups": 1, "mamba_d_state": 8, "mamba_d_conv": 4, "mamba_chunk_size": 16}
    return _auto("bamba", **TEXT, **mamba, attn_layer_indices=[1])


MLA = {
    "num_key_value_heads": 2,
    "q_lora_rank": None,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 12,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "moe_intermediate_size": 16,
    "first_k_dense_replace": 1,
    "tie_word_embeddings": False,
}


def deepseek_v3() -> Any:
    return _auto("deepseek_v3", **TEXT | MLA)


def kimi_vl() -> Any:
    """Kimi-VL's architecture as transformers has it: MoonViT eyes, an MLA mixture of experts behind them."""
    from transformers import Kimi_K25Config, Kimi_K25ForConditionalGeneration

    eyes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48, "patch_size": 4}
    eyes |= {"pos_emb_height": 8, "pos_emb_width": 8, "pos_emb_time": 4, "merge_kernel_size": [2, 2]}
    text = TEXT | MLA | {"model_type": "deepseek_v3"}
    config = Kimi_K25Config(
        text_config=text, vision_config=eyes, projection_hidden_size=32, image_token_id=IMAGE, tie_word_embeddings=False
    )
    return Kimi_K25ForConditionalGeneration(config)


def kimi_vl_native() -> Any:
    """The same by Deftly's own modules."""
    from inference.models.kimi_vl.config import KimiVLConfig
    from inference.models.kimi_vl.modeling import KimiVLForConditionalGeneration

    eyes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48, "patch_size": 4}
    eyes |= {"init_pos_emb_height": 8, "init_pos_emb_width": 8}
    return KimiVLForConditionalGeneration(
        KimiVLConfig(text_config=TEXT | MLA | {"n_group": 1, "topk_group": 1}, vision_config=eyes, media_placeholder_token_id=IMAGE)
    )


MODELS: dict[str, Callable[[], Any]] = {
    f.__name__: f for f in (qwen2_vl, qwen2_5_vl, qwen3_vl, qwen3_5, bamba, deepseek_v3, kimi_vl, kimi_vl_native)
}


def build(kind: str, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return MODELS[kind]().float().eval()


def sample(model: Any, lengths: Sequence[int], grids: Sequence[tuple[int, int]] = (), seed: int = 0, supervised: float = 0.5) -> Sample:
    """Text of `lengths[0]` tokens, a picture of `grids[0]` patches, text of `lengths[1]` tokens, and so on."""
    rng = np.random.default_rng(seed)
    ids: list[int] = []
    positions: list[np.ndarray[Any, Any]] = []
    pictures = []
    eyes = getattr(model.config, "vision_config", None)
    at = 0
    for number, length in enumerate(lengths):
        ids += rng.integers(3, 80, length).tolist()
        positions.append(np.tile(np.arange(at, at + length), (3, 1)))
        at += length
        if number < len(grids) and eyes is not None:
            rows, columns = grids[number]
            numbers = 3 * (getattr(eyes, "temporal_patch_size", None) or 1) * eyes.patch_size**2
            pictures.append(Picture(patches=rng.standard_normal((rows * columns, numbers)).astype(np.float32), rows=rows, columns=columns))
            ids += [IMAGE] * (rows * columns // 4)
            place = np.indices((rows // 2, columns // 2)).reshape(2, -1)
            positions.append(np.stack([np.zeros_like(place[0]), *place]) + at)
            at += max(rows, columns) // 2
    array = np.array(ids)
    learnt = (rng.random(len(ids)) < supervised) & (array != IMAGE)
    place = np.concatenate(positions, axis=1) if _is_mrope(model) else np.arange(len(ids))[None]
    return Sample(name=f"sample {seed}", ids=array, positions=place, labels=shifted(array, learnt), pictures=tuple(pictures))


def _is_mrope(model: Any) -> bool:
    return str(model.config.model_type).startswith("qwen")


def samples(model: Any) -> list[Sample]:
    """Two with pictures, two without, none as long as another."""
    return [
        sample(model, (5, 6), [(4, 6)], seed=1),
        sample(model, (11,), seed=2),
        sample(model, (3, 4, 5), [(8, 4), (4, 4)], seed=3),
        sample(model, (17,), seed=4),
    ]
