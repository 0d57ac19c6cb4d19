"""Writes deftly-tiny as a Hugging Face folder: `python -m training.tiny.export --run DIR --out inference/models/deftly_tiny`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from inference.families import load_family
from training.tiny.architecture import MERGE, PATCH_PX, build_model
from training.tiny.numbers import smooth_numbers, write_out
from training.tiny.tokenizer import NUM_NUMBERS

WEIGHTS_PREFIX = "shared.model."


def export(run: Path, out: Path) -> None:
    """The model of the run's last checkpoint, in bf16, with tokenizer, chat template and processor settings, without auxiliary heads."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(run / "tokenizer")
    model = build_model(tokenizer)
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    embedding = model.get_input_embeddings()
    ids = [[tokenizer.convert_tokens_to_ids(f"{space}{number}") for number in range(NUM_NUMBERS)] for space in ("", " ")]
    smooth_numbers(embedding, torch.tensor(ids))
    weights = {name.removeprefix(WEIGHTS_PREFIX): value for name, value in state["objective"].items() if name.startswith(WEIGHTS_PREFIX)}
    model.load_state_dict(weights)
    write_out(embedding)
    model.tie_weights()
    out.mkdir(parents=True, exist_ok=True)
    model.to(torch.bfloat16).save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)
    tokenizer.save_pretrained(out)
    image = load_family("deftly-tiny").image
    settings = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2_5_VLProcessor",
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "do_convert_rgb": True,
        "rescale_factor": 1 / 255,
        "resample": 3,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "size": {"shortest_edge": image.min_pixels, "longest_edge": image.max_pixels},
        "min_pixels": image.min_pixels,
        "max_pixels": image.max_pixels,
        "patch_size": PATCH_PX,
        "merge_size": MERGE,
        "temporal_patch_size": 2,
    }
    (out / "preprocessor_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    export(options.run, options.out)


if __name__ == "__main__":
    main()
