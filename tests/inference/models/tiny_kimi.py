"""Tiny Kimi-VLs with random weights: the real architecture, a tiktoken vocabulary of bytes and pairs, under half a million parameters."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import torch

from inference.models.kimi_vl import register
from inference.models.kimi_vl.config import KimiVLConfig
from inference.models.kimi_vl.folder import write_companions
from inference.models.kimi_vl.modeling import KimiVLForConditionalGeneration
from inference.models.kimi_vl.tokens import build_tokenizer, special_tokens
from inference.vlm.checkpoint import quiet

PAIRS = (b"th", b"in", b"er", b"on", b" c", b"cl", b"ic", b"the", b" cl", b"click", b"ck", b"cli")
IN_TOKEN_LIMIT = 256

# On a CPU vLLM has latent attention for these sizes only, the real ones, in blocks of 16.
VLLM_SIZES = {"rank": 512, "rope": 64, "qk_nope_head_dim": 128, "v_head_dim": 128}

# vLLM 0.32's CPU operator takes the stride between heads for that between tokens, and so turns latent attention's queries and keys wrongly
# (docs/models.md). It is given rows that lie in memory as it thinks; all else is vLLM's own.
VLLM_SITE = """
import importlib.util
import sys
from importlib.abc import MetaPathFinder

class GiveRotationsRows(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "vllm._custom_ops":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            rotate = module.rotary_embedding
            def rotary_embedding(positions, query, key, *rest, **options):
                rows = [None if x is None else x.reshape(len(positions), -1).contiguous().clone() for x in (query, key)]
                rotate(positions, *rows, *rest, **options)
                for x, row in zip((query, key), rows):
                    if x is not None:
                        x.copy_(row.view(x.shape))
            module.rotary_embedding = rotary_embedding
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, GiveRotationsRows())
"""


def ranks() -> dict[bytes, int]:
    pieces = [bytes([byte]) for byte in range(256)] + list(PAIRS)
    return {piece: rank for rank, piece in enumerate(pieces)}


def write_tiktoken(file: Path) -> Path:
    file.write_bytes(b"".join(base64.b64encode(piece) + b" %d\n" % rank for piece, rank in ranks().items()))
    return file


def tiny_config(*, rank: int = 32, rope: int = 16, **text: Any) -> KimiVLConfig:
    special = {name: number for number, name in special_tokens(len(ranks())).items()}
    words = {
        "vocab_size": len(ranks()) + 256,
        "hidden_size": 64,
        "intermediate_size": 96,
        "moe_intermediate_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "n_routed_experts": 8,
        "n_shared_experts": 2,
        "num_experts_per_tok": 3,
        "kv_lora_rank": rank,
        "qk_rope_head_dim": rope,
        "qk_nope_head_dim": 24,
        "v_head_dim": 24,
        "max_position_embeddings": 2048,
        "initializer_range": 0.15,
        "bos_token_id": special["[BOS]"],
        "eos_token_id": special["<|im_end|>"],
        "pad_token_id": special["[PAD]"],
    }
    eyes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48, "initializer_range": 0.15}
    eyes |= {"init_pos_emb_height": 8, "init_pos_emb_width": 8, "patch_size": 14}
    return KimiVLConfig(text_config=words | text, vision_config=eyes, media_placeholder_token_id=special["<|media_pad|>"])


def tiny_model(seed: int = 0, **options: Any) -> KimiVLForConditionalGeneration:
    torch.manual_seed(seed)
    model = KimiVLForConditionalGeneration(tiny_config(**options)).float().eval()
    with torch.no_grad():
        for name, value in model.named_buffers():
            if name.endswith("e_score_correction_bias"):
                value.copy_(torch.randn_like(value) * 0.3)
    return model


def build_tiny(folder: Path, *, in_token_limit: int = IN_TOKEN_LIMIT, **options: Any) -> Path:
    """A whole folder, as `save_pretrained` and `write_companions` make it."""
    register()
    folder.mkdir(parents=True, exist_ok=True)
    model = tiny_model(**options)
    model.generation_config.eos_token_id = model.config.text_config.eos_token_id
    model.generation_config.pad_token_id = model.config.text_config.pad_token_id
    with quiet():
        model.save_pretrained(folder)
    write_companions(folder, tokenizer=build_tokenizer(ranks(), special_tokens(len(ranks()))), in_token_limit=in_token_limit)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "kimi_vl"
    return folder
