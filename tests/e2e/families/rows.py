"""The architectures that are taken the whole way: one line each, read by the tests and by the table in docs/models.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import isqrt
from pathlib import Path
from typing import Any

from inference.families import Family, History, Prompt, load_family
from tests.inference import tiny, tiny_chameleon
from tests.inference.models import tiny_kimi


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An architecture by its `model_type`, and the family in whose way it is asked.

    `build` writes a small model with random weights, with `vllm_sizes` where vLLM has kernels for some sizes only; `vllm_site` runs at
    vLLM's start. In another `vllm_dtype` than float32 rounding differs too much to compare what random weights say. Mixtures of
    experts need more than 20 steps to learn a sentence by heart.
    """

    kind: str
    family: str
    build: Callable[..., Path]
    steps: int = 20
    no_vllm: str | None = None  # why vLLM does not serve it
    vllm_sizes: Mapping[str, int] = field(default_factory=dict)
    vllm_options: tuple[str, ...] = ()
    vllm_site: str = ""
    vllm_dtype: str = "float32"

    @property
    def asked(self) -> Family:
        """The family in few words and with small pictures, so that a step has some hundred tokens; all else is its own."""
        family = load_family(self.family)
        return replace(
            family,
            image=replace(family.image, min_pixels=family.image.factor**2, max_pixels=128 * 128),
            prompt=Prompt(system="You act.", user="Task: {task}"),
            history=History(images=1, text="responses"),
            sampling=replace(family.sampling, temperature=0.0, max_tokens=128),
            server=replace(family.server, max_model_len=1024),
        )


def _qwen(kind: str) -> Callable[..., Path]:
    def build(folder: Path, family: Family, **sizes: int) -> Path:
        tiny.build_tiny(folder, kind=kind, patch=family.image.factor // 2, **sizes)
        return _with_limits(folder, family)

    return build


def _kimi(folder: Path, family: Family, **sizes: int) -> Path:
    return tiny_kimi.build_tiny(folder, in_token_limit=family.image.max_pixels // 14**2, **sizes)


def _chameleon(folder: Path, family: Family) -> Path:
    return tiny_chameleon.build_tiny(folder, side=isqrt(family.image.max_pixels))


def _with_limits(folder: Path, family: Family) -> Path:
    file = folder / "preprocessor_config.json"
    limits = {"min_pixels": family.image.min_pixels, "max_pixels": family.image.max_pixels}
    file.write_text(json.dumps(json.loads(file.read_text()) | limits))
    return folder


# vLLM 0.32's processor of OpenCUA has no image processor: transformers 5 reads from the arguments of `__init__` which parts there are, and
# this class takes others than it hands on. Told the right ones, all else is vLLM's own.
OPENCUA_SITE = """
import importlib.util
import sys
from importlib.abc import MetaPathFinder

class NameParts(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "vllm.model_executor.models.opencua":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            parts = ["image_processor", "tokenizer", "video_processor"]
            module.OpenCUAProcessor.get_attributes = classmethod(lambda cls: parts)
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, NameParts())
"""

# vLLM's gated delta rule for CPUs is there in bfloat16 and for the published size of heads.
BY_VLLM_GATED_DELTA: dict[str, Any] = {
    "vllm_dtype": "bfloat16",
    "vllm_sizes": {"linear_key_head_dim": 128, "linear_value_head_dim": 128},
}

ROWS = (
    Row(kind="qwen2_vl", family="uitars-1.0", build=_qwen("qwen2_vl")),
    Row(kind="qwen2_5_vl", family="qwen2.5-vl", build=_qwen("qwen2_5_vl")),
    Row(kind="qwen3_vl", family="qwen3-vl", build=_qwen("qwen3_vl")),
    Row(kind="qwen3_vl_moe", family="qwen3-vl", build=_qwen("qwen3_vl_moe"), steps=40),
    Row(kind="qwen3_5", family="qwen3.5", build=_qwen("qwen3_5"), **BY_VLLM_GATED_DELTA),
    Row(kind="qwen3_5_moe", family="qwen3.5", build=_qwen("qwen3_5_moe"), steps=40, **BY_VLLM_GATED_DELTA),
    Row(
        kind="kimi_vl",
        family="kimi-vl",
        build=_kimi,
        steps=40,
        vllm_sizes=tiny_kimi.VLLM_SIZES,
        vllm_options=("--block-size", "16"),
        vllm_site=tiny_kimi.VLLM_SITE,
    ),
    Row(kind="opencua", family="opencua", build=_qwen("opencua"), vllm_site=OPENCUA_SITE),
    Row(kind="chameleon", family="chameleon", build=_chameleon, no_vllm="vLLM has no Chameleon since 0.29"),
)
