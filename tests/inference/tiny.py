"""Tiny Qwen VLMs with random weights, each a whole Hugging Face folder: the real classes, a real tokenizer, 0.3 million parameters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inference.engines.base import Message
from inference.models import register_native_models
from inference.models.opencua.folder import CHAT_TEMPLATE as OPENCUA_TEMPLATE
from inference.models.opencua.folder import write_companions
from inference.vlm.checkpoint import quiet

PATCH, MERGE = 16, 2
MIN_PIXELS, MAX_PIXELS = 96 * 96, 320 * 320
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% else %}<|vision_start|><|image_pad|><|vision_end|>{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OPENCUA = (
    *("[PAD]", "[EOS]", "<|im_end|>", "<|im_user|>", "<|im_assistant|>", "<|im_system|>", "<|im_middle|>"),
    *("<|media_begin|>", "<|media_content|>", "<|media_end|>", "<|media_placeholder|>"),
)
ONE_DIMENSION = {"rope_parameters": {"rope_type": "default", "rope_theta": 100.0}, "tie_word_embeddings": False}
# transformers interleaves Qwen3's positions whatever is said; vLLM does it where the configuration says so, as the published ones do.
INTERLEAVED = {"rope_type": "default", "rope_theta": 100.0, "mrope_section": [6, 5, 5], "mrope_interleaved": True}
HYBRID = {
    "num_attention_heads": 3,
    "rope_parameters": INTERLEAVED | {"partial_rotary_factor": 1.0},
    "layer_types": ["linear_attention", "full_attention"],
    "linear_conv_kernel_dim": 4,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}
# As published configurations say. transformers does the first three whatever is said; vLLM asks, and ties no embeddings here.
SAID_FOR_VLLM = {"norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": [], "tie_word_embeddings": False}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}


def build_tiny(folder: Path, *, kind: str = "qwen2_5_vl", seed: int = 0, patch: int = PATCH, length: int = 4096, **text: Any) -> Path:
    """Write a model of `kind` into `folder`, with `text` in its language model's configuration.

    Its weights are spread wide, so that the most likely token is so by more than rounding.
    """
    import torch
    from transformers import AutoModelForImageTextToText

    register_native_models()
    tokenizer = _tokenizer(OPENCUA, OPENCUA_TEMPLATE) if kind == "opencua" else _tokenizer(SPECIAL, CHAT_TEMPLATE)
    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_config(_config(kind, tokenizer, patch, length, text))
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(_picture_settings(patch), indent=1))
    if kind == "opencua":
        write_companions(folder)
    return folder


def _config(kind: str, tokenizer: Any, patch: int, length: int, given: dict[str, Any]) -> Any:
    from transformers import AutoConfig

    text, eyes = _text(tokenizer, length), _eyes(patch)
    match kind:
        case "qwen2_vl":
            eyes |= {"embed_dim": 64, "mlp_ratio": 2, "hidden_size": 96}
        case "qwen2_5_vl" | "opencua":
            eyes |= {"hidden_size": 64, "intermediate_size": 96, "out_hidden_size": 96}
            eyes |= {"window_size": 4 * patch, "fullatt_block_indexes": [1]}
        case "qwen3_vl" | "qwen3_vl_moe" | "qwen3_5" | "qwen3_5_moe":
            text |= {"head_dim": 32, "rope_parameters": INTERLEAVED}
            eyes |= {"hidden_size": 64, "intermediate_size": 96, "out_hidden_size": 96, "num_position_embeddings": 64}
            eyes |= {"deepstack_visual_indexes": [0, 1]} if kind.startswith("qwen3_vl") else {}
            text |= HYBRID if kind.startswith("qwen3_5") else {}
            text |= EXPERTS if kind.endswith("_moe") else {}
            text |= {"qwen3_vl_moe": SAID_FOR_VLLM, "qwen3_5_moe": {"shared_expert_intermediate_size": 32}}.get(kind, {})
    text |= given
    if kind == "opencua":
        hole = tokenizer.convert_tokens_to_ids("<|media_placeholder|>")
        return AutoConfig.for_model(kind, text_config=text | ONE_DIMENSION, vision_config=eyes, media_placeholder_token_id=hole)
    holes = {f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("vision_start", "vision_end")}
    holes |= {f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{name}_pad|>") for name in ("image", "video")}
    return AutoConfig.for_model(kind, text_config=text, vision_config=eyes, tie_word_embeddings=text["tie_word_embeddings"], **holes)


def _text(tokenizer: Any, length: int) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 96,
        "intermediate_size": 160,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "num_key_value_heads": 1,
        "max_position_embeddings": length,
        "rope_parameters": {"rope_type": "default", "rope_theta": 100.0, "mrope_section": [4, 6, 6]},
        "initializer_range": 0.15,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "tie_word_embeddings": True,
    }


def _eyes(patch: int) -> dict[str, Any]:
    return {"depth": 2, "num_heads": 2, "patch_size": patch, "spatial_merge_size": MERGE, "initializer_range": 0.15}


def _tokenizer(special: Sequence[str], template: str) -> Any:
    """Every byte is a token, and some pairs of letters are."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [("t", "h"), ("i", "n"), ("e", "r"), ("o", "n"), ("Ġ", "c"), ("c", "l"), ("i", "c"), ("th", "e")]
    vocabulary = {piece: index for index, piece in enumerate([*alphabet, *(a + b for a, b in pairs)])}
    tokenizer = Tokenizer(models.BPE(vocabulary, pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in special])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token=special[0], clean_up_tokenization_spaces=False
    )
    fast.chat_template = template
    return fast


def _picture_settings(patch: int) -> dict[str, object]:
    return {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2_5_VLProcessor",
        "patch_size": patch,
        "merge_size": MERGE,
        "temporal_patch_size": 2,
        "min_pixels": MIN_PIXELS,
        "max_pixels": MAX_PIXELS,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }


class Reference:
    """transformers' own path: its image processor, its position rule, its `generate`."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForImageTextToText, AutoTokenizer
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
        with quiet():
            self.model = AutoModelForImageTextToText.from_pretrained(folder, dtype="float32").eval()

    def inputs(self, messages: Sequence[Message]) -> dict[str, Any]:
        """What the model's own processor class would make of `messages`; the class itself cannot be loaded without torchvision."""
        import torch

        chat = [
            {"role": m.role, "content": [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in m.content]}
            for m in messages
        ]
        text = self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        pictures = [part.rgb for message in messages for part in message.content if not isinstance(part, str)]
        seen = dict(self.processor(images=pictures, return_tensors="pt")) if pictures else {}
        for grid in seen.get("image_grid_thw", []):
            text = text.replace("<|image_pad|>", "<|hole|>" * int(grid.prod() // MERGE**2), 1)
        ids = self.tokenizer(text.replace("<|hole|>", "<|image_pad|>"), return_tensors="pt")["input_ids"]
        return {"input_ids": ids, "mm_token_type_ids": (ids == self.model.config.image_token_id).to(torch.int32), **seen}

    def generate(self, messages: Sequence[Message], max_tokens: int) -> str:
        """The greedy answer."""
        inputs = self.inputs(messages)
        answer = self.model.generate(**inputs, max_new_tokens=max_tokens, do_sample=False)[0, inputs["input_ids"].shape[1] :]
        return str(self.tokenizer.decode(answer, skip_special_tokens=True))
