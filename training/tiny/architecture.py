"""The shape of deftly-tiny: a Qwen2.5-VL of about 10 million parameters for 320x320 px screens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

SCREEN_PX = 320
PATCH_PX = 16
MERGE = 2
GRID = SCREEN_PX // PATCH_PX  # patches along a side
TOKENS_PER_SIDE = GRID // MERGE
NUM_IMAGE_TOKENS = TOKENS_PER_SIDE**2
HIDDEN = 256
HEAD_DIM = 64
NUM_HEADS = HIDDEN // HEAD_DIM
VISION_DEPTH = 4
TEXT_DEPTH = 6


def build_model(tokenizer: PreTrainedTokenizerFast, *, seed: int = 0) -> Qwen2_5_VLForConditionalGeneration:
    """A freshly initialised model for `tokenizer`'s vocabulary.

    Every vision block attends to the whole picture (400 patches are few). A small RoPE base keeps a signal between neighbouring
    rows and columns, since the positions of this model stay below 200.
    """
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(seed)
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("image_pad", "video_pad", "vision_start", "vision_end")}
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": HIDDEN,
            "intermediate_size": 768,
            "num_hidden_layers": TEXT_DEPTH,
            "num_attention_heads": NUM_HEADS,
            "num_key_value_heads": NUM_HEADS,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10.0, "mrope_section": [8, 12, 12]},
            "bos_token_id": None,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "tie_word_embeddings": True,
        },
        vision_config={
            "depth": VISION_DEPTH,
            "hidden_size": HIDDEN,
            "intermediate_size": 704,
            "num_heads": NUM_HEADS,
            "out_hidden_size": HIDDEN,
            "patch_size": PATCH_PX,
            "spatial_merge_size": MERGE,
            "window_size": 8 * PATCH_PX,
            "fullatt_block_indexes": list(range(VISION_DEPTH)),
        },
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
        tie_word_embeddings=True,
    )
    model = Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model
