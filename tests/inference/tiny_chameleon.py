"""A tiny Chameleon as a whole Hugging Face folder, laid out as the published one: under half a million parameters, pictures of 96 px.

The VQ tokenizer's weights are random, and its codes are drawn from what its encoder makes of a few pictures: so pictures become many
different tokens, as they do with a trained one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference.engines.base import Message
from inference.vlm.checkpoint import quiet, read_tokenizer
from tests.inference.picture import Picture

PATCH = 16  # 2 to the number of times that the encoder halves a picture
SIDE = 96
NUM_CODES = 96
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
LATER = ("<eoss>", "<racm3:break>", "<reserved08705>", "<reserved08706>", "<image>")  # behind the pictures' tokens, as published


def build_tiny(folder: Path, *, seed: int = 0, side: int = SIDE, length: int = 4096, swin_norm: bool = False) -> Path:
    """Write the model into `folder`. Its weights are spread wide, so that the most likely token is so by more than rounding."""
    import torch
    from transformers import ChameleonForConditionalGeneration

    tokenizer = build_tokenizer()
    torch.manual_seed(seed)
    model = ChameleonForConditionalGeneration(tiny_config(tokenizer, side=side, length=length, swin_norm=swin_norm)).eval()
    spread_weights(model)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(picture_settings(side), indent=1))
    return folder


def tiny_config(tokenizer: Any, *, side: int = SIDE, length: int = 4096, swin_norm: bool = False) -> Any:
    from transformers import ChameleonConfig

    eyes: dict[str, Any] = {"embed_dim": 32, "num_embeddings": NUM_CODES, "latent_channels": 32, "resolution": side, "base_channels": 32}
    eyes |= {"channel_multiplier": [1, 1, 1, 1, 1], "num_res_blocks": 1}
    vocabulary = tokenizer.get_vocab()
    return ChameleonConfig(
        vocab_size=len(vocabulary),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=length,
        initializer_range=0.15,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        swin_norm=swin_norm,
        vq_config=eyes,
        vocabulary_map=vocabulary,
    )


def spread_weights(model: Any) -> None:
    """Codes from the encoder's own range; norms of queries and keys that are not all alike."""
    import torch

    eyes = model.model.vqmodel
    pictures = np.stack([Picture.drawn(64, 64, seed).rgb for seed in range(8)])
    with torch.no_grad():
        pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() * 0.0078 - 1
        made = eyes.quant_conv(eyes.encoder(pixels)).permute(0, 2, 3, 1).flatten(0, 2)
        eyes.quantize.embedding.weight.copy_(made[torch.randperm(len(made))[:NUM_CODES]])
        for layer in model.model.layers:
            for norm in (layer.self_attn.q_norm, layer.self_attn.k_norm):
                norm.weight.copy_((1.5 + torch.rand(norm.weight.shape[-1])).expand_as(norm.weight))
                norm.bias.copy_((0.1 * torch.randn(norm.bias.shape[-1])).expand_as(norm.bias))


def build_tokenizer() -> Any:
    """Every byte is a token; the pictures' are named as published: IMGIMG, digits as letters from A on, Z. Without a chat template."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    codes = ["IMGIMG" + "".join(chr(ord("A") + int(digit)) for digit in str(number)) + "Z" for number in range(NUM_CODES)]
    pieces = [*SPECIAL, *codes, *LATER, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({piece: index for index, piece in enumerate(pieces)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in (*SPECIAL, *LATER)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        sep_token="<reserved08706>",
        clean_up_tokenization_spaces=False,
    )


def picture_settings(side: int = SIDE) -> dict[str, object]:
    """As published, but for the side."""
    return {
        "image_processor_type": "ChameleonImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": side},
        "resample": 1,
        "do_center_crop": True,
        "crop_size": {"height": side, "width": side},
        "do_rescale": True,
        "rescale_factor": 0.0078,
        "do_normalize": True,
        "image_mean": [1.0, 1.0, 1.0],
        "image_std": [1.0, 1.0, 1.0],
        "do_convert_rgb": True,
    }


def in_square(rgb: Any) -> Any:
    """Filled up at the right and the bottom, so that the published processor cuts nothing off."""
    height, width = rgb.shape[:2]
    whole = np.zeros((max(height, width), max(height, width), 3), dtype=np.uint8)
    whole[:height, :width] = rgb
    return whole


class Reference:
    """transformers' own path: its processor, its model, its `generate`; pictures are squares before it sees them."""

    def __init__(self, folder: Path) -> None:
        from transformers import ChameleonForConditionalGeneration
        from transformers.models.chameleon.image_processing_pil_chameleon import ChameleonImageProcessorPil

        self.tokenizer = read_tokenizer(folder)
        self.processor = ChameleonImageProcessorPil.from_pretrained(folder)
        with quiet():
            self.model = ChameleonForConditionalGeneration.from_pretrained(folder, dtype="float32").eval()

    def inputs(self, messages: Sequence[Message]) -> dict[str, Any]:
        chat = [
            {"role": m.role, "content": [{"type": "text", "text": p} if isinstance(p, str) else {"type": "image"} for p in m.content]}
            for m in messages
        ]
        pictures = [in_square(part.rgb) for message in messages for part in message.content if not isinstance(part, str)]
        seen = dict(self.processor(images=pictures, return_tensors="pt")) if pictures else {}
        side = seen["pixel_values"].shape[-1] // PATCH if pictures else 0
        text = self.tokenizer.apply_chat_template(chat, tokenize=False).replace("<image>", "<image>" * side**2)
        return {"input_ids": self.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"], **seen}

    def generate(self, messages: Sequence[Message], max_tokens: int, *, silent: Sequence[int] = ()) -> str:
        """The greedy answer, without the tokens `silent`."""
        inputs = self.inputs(messages)
        made = self.model.generate(**inputs, max_new_tokens=max_tokens, do_sample=False, suppress_tokens=list(silent) or None)
        return str(self.tokenizer.decode(made[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
