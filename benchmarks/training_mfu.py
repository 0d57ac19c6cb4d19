"""Model FLOPs utilisation of packed training on a GPU, counted honestly: data wait included, causal attention halved, eyes included.

Trains a Qwen2.5-VL of a chosen size with random weights on packs of screenshots and text. The device's peak is measured too, as the best
bf16 matrix product that it does in the same run, and the share of both peaks is told.

    python benchmarks/training_mfu.py --size 3b --pack-length 16384 --peak-tflops 989        # an H100 SXM
    python benchmarks/training_mfu.py --size tiny --pack-length 1024 --steps 2 --device cpu  # that it runs
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
import torch

from training.flops import BACKWARD, forward_flops
from training.packing import IGNORED, Pack, Picture, Sample, make_pack
from training.varlen.network import PackedNetwork

EYES = {"eyes": 1280, "depth": 32, "eye_wide": 3420}
SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"hidden": 128, "layers": 2, "heads": 4, "kv": 2, "wide": 256, "vocabulary": 2048, "eyes": 128, "depth": 2, "eye_wide": 256},
    "1b": {"hidden": 1536, "layers": 20, "heads": 12, "kv": 2, "wide": 8960, "vocabulary": 151_936, **EYES},
    "3b": {"hidden": 2048, "layers": 36, "heads": 16, "kv": 2, "wide": 11_008, "vocabulary": 151_936, **EYES},
}
SCREEN = (54, 96)  # patches of 1344x756 px


def build(size: dict[str, Any], device: str) -> Any:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": size["vocabulary"],
            "hidden_size": size["hidden"],
            "intermediate_size": size["wide"],
            "num_hidden_layers": size["layers"],
            "num_attention_heads": size["heads"],
            "num_key_value_heads": size["kv"],
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": _sections(size["hidden"] // size["heads"])},
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": 1,
        },
        vision_config={
            "depth": size["depth"],
            "hidden_size": size["eyes"],
            "intermediate_size": size["eye_wide"],
            "num_heads": max(1, size["eyes"] // 80),
            "out_hidden_size": size["hidden"],
            "fullatt_block_indexes": [n for n in range(size["depth"]) if n % 8 == 7] or [size["depth"] - 1],
        },
        image_token_id=5,
        video_token_id=6,
        vision_start_token_id=7,
        vision_end_token_id=8,
        tie_word_embeddings=True,
    )
    if size["eyes"] % 80:
        config.vision_config.num_heads = size["eyes"] // 32
    with torch.device(device):
        return Qwen2_5_VLForConditionalGeneration(config).train()


def _sections(head_dim: int) -> list[int]:
    half = head_dim // 2
    return [half - 2 * (half * 3 // 8), half * 3 // 8, half * 3 // 8]


def pack_of(length: int, config: Any, screen: tuple[int, int], rng: np.random.Generator) -> tuple[Pack, list[int], list[tuple[int, int]]]:
    """Samples of one screenshot and a paragraph each, and text alone until the pack is full."""
    image = screen[0] * screen[1] // 4
    size = image + 200
    samples = [_sample(image, size, config, screen, rng) for _ in range(length // size)]
    if left := length % size:
        samples.append(_sample(0, left, config, screen, rng))
    return make_pack(samples), [len(sample.ids) for sample in samples], [screen for sample in samples if sample.pictures]


def _sample(image: int, length: int, config: Any, screen: tuple[int, int], rng: np.random.Generator) -> Sample:
    ids = rng.integers(10, config.text_config.vocab_size, length)
    ids[:image] = config.image_token_id
    labels = np.full(length, IGNORED)
    labels[max(image, length - 60) : length - 1] = ids[max(image, length - 60) + 1 :]
    eyes = config.vision_config
    numbers = 3 * eyes.temporal_patch_size * eyes.patch_size**2
    patches = rng.standard_normal((screen[0] * screen[1], numbers), dtype=np.float32)
    pictures = (Picture(patches=patches, rows=screen[0], columns=screen[1]),) if image else ()
    return Sample(name="", ids=ids, positions=np.tile(np.arange(length), (3, 1)), labels=labels, pictures=pictures)


def matmul_tflops(device: str, size: int) -> float:
    """The best of ten bf16 products of square matrices."""
    a = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    best = float("inf")
    for _ in range(10):
        started = time.perf_counter()
        a @ a
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best / 1e12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="3b")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--pack-length", type=int, default=16_384)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--checkpoint-activations", action="store_true")
    parser.add_argument("--peak-tflops", type=float, help="the device's published dense bf16 peak")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(0)
    model = build(SIZES[options.size], options.device)
    if options.checkpoint_activations:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    network = PackedNetwork(model)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5)
    rng = np.random.default_rng(0)
    screen = SCREEN if options.size != "tiny" else (16, 16)
    made = [pack_of(options.pack_length, model.config, screen, rng) for _ in range(3)]
    seconds, flops = [], 0.0
    for number in range(options.steps + 2):
        pack, lengths, grids = made[number % len(made)]
        flops = BACKWARD * forward_flops(model, lengths, grids, num_supervised=pack.num_supervised)
        started = time.perf_counter()
        with torch.autocast(options.device, torch.bfloat16):
            loss = network(pack.to(options.device)) / pack.num_supervised
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if options.device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    step = float(np.median(seconds[2:]))
    reached = flops / step / 1e12
    measured = matmul_tflops(options.device, 8192 if options.device == "cuda" else 1024)
    row = {
        "device": torch.cuda.get_device_name() if options.device == "cuda" else "cpu",
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens_per_second": options.pack_length / step,
        "tflops_a_step": flops / 1e12,
        "tflops_per_second": reached,
        "of_measured_matmul": reached / measured,
        "of_published_peak": reached / options.peak_tflops if options.peak_tflops else None,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if options.device == "cuda" else None,
    }
    print(json.dumps(row) if options.json else "\n".join(f"{name:<20} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
