"""A model from its configuration alone, its parameters without contents."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from inference.vlm.checkpoint import quiet
from training.errors import RunError
from training.memory.ledger import simulated
from training.packing import IGNORED, Pack, Sample, make_pack


def read_model_config(path: Path) -> Any:
    """transformers' configuration in the folder or file `path`. Kimi-VL's is read as that of `kimi_k25`, whose one-frame form it is.

    Raises:
        RunError: there is none, or it is of no model that transformers knows.
    """
    from transformers import AutoConfig

    file = path / "config.json" if path.is_dir() else path
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data.get("model_type") == "kimi_vl":
            return _kimi_vl(data)
        with quiet():
            return AutoConfig.from_pretrained(file.parent if path.is_dir() else file, local_files_only=True)
    except (OSError, UnicodeDecodeError, ValueError, KeyError, AttributeError) as error:
        raise RunError(f"{path} is no model's configuration: {error}. Name a folder with a config.json, or the file") from error


def _kimi_vl(data: dict[str, Any]) -> Any:
    from transformers import Kimi_K25Config

    eyes = {key: value for key, value in data["vision_config"].items() if key != "model_type"}
    eyes["pos_emb_height"], eyes["pos_emb_width"] = eyes.pop("init_pos_emb_height"), eyes.pop("init_pos_emb_width")
    text = {**data["text_config"], "model_type": "deepseek_v3", "num_nextn_predict_layers": 0}
    return Kimi_K25Config(
        text_config=text,
        vision_config=eyes | {"pos_emb_time": 4},
        projection_hidden_size=eyes["hidden_size"],
        image_token_id=data["media_placeholder_token_id"],
        tie_word_embeddings=False,
    )


def simulated_model(config: Any, dtype: torch.dtype) -> Any:
    """The model of `config` in `dtype`; it takes no memory worth naming, whatever its size."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, Kimi_K25ForConditionalGeneration
    from transformers.initialization import no_init_weights

    if config.model_type == "kimi_k25":
        build = Kimi_K25ForConditionalGeneration._from_config
    else:
        build = (AutoModelForImageTextToText if hasattr(config, "vision_config") else AutoModelForCausalLM).from_config
    try:
        with simulated(), no_init_weights(), quiet():
            model = build(config, dtype=dtype, attn_implementation="sdpa")
            model.tie_weights()  # which comes with giving them values, and that is left out
            return model
    except (ValueError, KeyError) as error:
        raise RunError(f"transformers cannot build a {config.model_type}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What a pack holds: segments of so many tokens, pictures of rows and columns of patches, and how many tokens are learnt."""

    lengths: tuple[int, ...]
    pictures: tuple[tuple[int, int], ...]
    supervised: int

    @classmethod
    def of(cls, pack: Pack) -> Workload:
        """That of a real pack."""
        grids = () if pack.grid_thw is None else tuple((int(rows), int(columns)) for _, rows, columns in pack.grid_thw.tolist())
        return cls(lengths=tuple(pack.cu_seqlens.diff().tolist()), pictures=grids, supervised=pack.num_supervised)

    @property
    def tokens(self) -> int:
        return sum(self.lengths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """The step that packs are made of: a screenshot of so many pixels, and text, of which a part is learnt."""

    width: int = 1920
    height: int = 1080
    text_tokens: int = 400
    learnt_tokens: int = 100

    def workload(self, config: Any, count: int) -> Workload:
        """`count` such steps, each a segment of its own."""
        eyes = getattr(config, "vision_config", None)
        if eyes is None:
            return Workload(lengths=(self.text_tokens,) * count, pictures=(), supervised=self.learnt_tokens * count)
        merge = merge_of(eyes)
        side = eyes.patch_size * merge
        rows, columns = (merge * max(1, round(size / side)) for size in (self.height, self.width))
        length = rows * columns // merge**2 + self.text_tokens
        return Workload(lengths=(length,) * count, pictures=((rows, columns),) * count, supervised=self.learnt_tokens * count)


def simulated_pack(config: Any, work: Workload) -> Pack:
    """A pack of that shape: pixels without contents, and ids, boundaries and sizes that are real, as programs look at them.

    Pictures are put into the first segments that have room for them.
    """
    eyes = getattr(config, "vision_config", None)
    merge = merge_of(eyes) if eyes is not None else 1
    left = [rows * columns // merge**2 for rows, columns in work.pictures]
    learnt = work.supervised
    samples = []
    for length in work.lengths:
        taken = 0
        while left and taken + left[0] <= length:
            taken += left.pop(0)
        mine = min(learnt, max(0, length - taken - 1))
        learnt -= mine
        samples.append(_sample(config, length, taken, mine))
    pack = make_pack(samples)
    return pack if eyes is None or not work.pictures else _with_pictures(pack, eyes, work)


def _sample(config: Any, length: int, seen: int, learnt: int) -> Sample:
    import numpy as np

    ids = np.ones(length, np.int64)
    ids[:seen] = getattr(config, "image_token_id", 0)
    labels = np.full(length, IGNORED)
    labels[length - 1 - learnt : length - 1] = 1
    rows = 3 if "mrope_section" in (getattr(config.get_text_config(), "rope_parameters", None) or {}) else 1
    return Sample(name="", ids=ids, positions=np.tile(np.arange(length), (rows, 1)), labels=labels)


def _with_pictures(pack: Pack, eyes: Any, work: Workload) -> Pack:
    from dataclasses import replace

    patches = sum(rows * columns for rows, columns in work.pictures)
    channels = getattr(eyes, "in_channels", None) or getattr(eyes, "in_chans", None) or 3
    width = channels * (getattr(eyes, "temporal_patch_size", None) or 1) * eyes.patch_size**2
    with simulated():
        pixels = torch.empty(patches, width)
    return replace(pack, pixel_values=pixels, grid_thw=torch.tensor([[1, rows, columns] for rows, columns in work.pictures]))


def merge_of(eyes: Any) -> int:
    """How many patches a side become one token."""
    return int(getattr(eyes, "spatial_merge_size", None) or eyes.merge_kernel_size[0])
