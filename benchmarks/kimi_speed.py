"""Kimi-VL's modules against transformers' `Kimi_K25` with the same weights, and MoonViT on many pictures at once against one by one.

    python benchmarks/kimi_speed.py [--rounds 5] [--tokens 512] [--json]

Hidden 512, 8 layers, 16 experts of which a token asks 4, float32. The two take turns, and the median of each is taken, so that a busy
machine is busy for both; beside the ratio stand the least and the largest of any round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from inference.models.kimi_vl import register
from inference.models.kimi_vl.config import KimiVLConfig
from inference.models.kimi_vl.modeling import KimiVLForConditionalGeneration
from inference.parity.library import load_kimi_k25
from inference.vlm.checkpoint import quiet

GRIDS = [(2 * (3 + number % 5), 2 * (4 + number * 3 % 7)) for number in range(16)]  # from 6 x 8 patches to 14 x 20


def config() -> KimiVLConfig:
    words = {
        "vocab_size": 4096,
        "hidden_size": 512,
        "intermediate_size": 1408,
        "moe_intermediate_size": 352,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "n_routed_experts": 16,
        "num_experts_per_tok": 4,
        "n_shared_experts": 2,
        "kv_lora_rank": 128,
        "qk_nope_head_dim": 64,
        "qk_rope_head_dim": 32,
        "v_head_dim": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    eyes = {"hidden_size": 288, "num_hidden_layers": 6, "num_attention_heads": 4, "intermediate_size": 1076}
    eyes |= {"init_pos_emb_height": 32, "init_pos_emb_width": 32}
    return KimiVLConfig(text_config=words, vision_config=eyes, media_placeholder_token_id=4000)


def models(folder: Path) -> tuple[Any, Any]:
    """Ours and transformers', with the same weights."""
    register()
    torch.manual_seed(0)
    ours = KimiVLForConditionalGeneration(config()).float().eval()
    with quiet():
        ours.save_pretrained(folder)
        theirs = load_kimi_k25(folder, dtype=torch.float32).eval()
    return ours, theirs


def in_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each in every round, after one that is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if number:
                taken[name].append(1000 * (time.perf_counter() - started))
    return taken


def forward(model: Any, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=ids, use_cache=False).logits
    return logits


def training_step(model: Any, ids: torch.Tensor) -> None:
    model.zero_grad(set_to_none=True)
    logits = model(input_ids=ids, use_cache=False).logits
    torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:]).backward()


def look(model: Any, patches: list[torch.Tensor], *, together: bool) -> list[torch.Tensor]:
    groups = [range(len(GRIDS))] if together else [[number] for number in range(len(GRIDS))]
    features: list[torch.Tensor] = []
    with torch.no_grad():
        for group in groups:
            grids = torch.tensor([GRIDS[number] for number in group])
            features += model.get_image_features(torch.cat([patches[n] for n in group]), image_grid_hws=grids).pooler_output
    return features


def measure(rounds: int, num_tokens: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = models(Path(folder))
    ids = torch.randint(3, 3900, (1, num_tokens), generator=torch.Generator().manual_seed(0))
    apart = float((forward(ours, ids) - forward(theirs, ids)).abs().max())
    rows = []
    for name, run in (("forward", forward), ("training step", training_step)):
        times = in_turns({"ours": partial(run, ours, ids), "baseline": partial(run, theirs, ids)}, rounds)
        rows.append(_row(f"{name}, {num_tokens} tokens", "transformers' Kimi_K25", times, apart))
    patches = [torch.randn(height * width, 3, 14, 14) for height, width in GRIDS]
    together, alone = (partial(look, ours, patches, together=packed) for packed in (True, False))
    apart = max(float((a - b).abs().max()) for a, b in zip(together(), alone(), strict=True))
    what = f"{len(GRIDS)} pictures, {sum(height * width for height, width in GRIDS)} patches"
    rows.append(_row(what, "one call a picture", in_turns({"ours": together, "baseline": alone}, rounds), apart))
    return rows


def _row(what: str, baseline: str, times: dict[str, list[float]], apart: float) -> dict[str, Any]:
    """Medians; `spread` is from the least to the largest of the rounds' own ratios."""
    medians = {f"{name}_ms": statistics.median(taken) for name, taken in times.items()}
    ratios = [baseline / ours for ours, baseline in zip(times["ours"], times["baseline"], strict=True)]
    ratio = medians["baseline_ms"] / medians["ours_ms"]
    return {"what": what, "baseline": baseline, **medians, "ratio": ratio, "spread": [min(ratios), max(ratios)], "apart": apart}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(2)
    rows = measure(options.rounds, options.tokens)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        times = f"{row['ours_ms']:8.1f} ms   {row['baseline']:<22} {row['baseline_ms']:8.1f} ms"
        least, largest = row["spread"]
        print(f"{row['what']:<34} {times}   {row['ratio']:.2f}x ({least:.2f} to {largest:.2f})   apart by {row['apart']:.1g}")


if __name__ == "__main__":
    main()
