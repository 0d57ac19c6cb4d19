"""What stands beside the weights: tokenizer, chat template, and the processor's code, so that transformers and vLLM read the folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from inference.models.kimi_vl.tokens import VOCABULARY_FILE, load_tokenizer

CODE = ("image_processing_kimi_vl", "processing_kimi_vl")


def write_companions(folder: Path, *, tokenizer: Any = None, in_token_limit: int = 4096, patch_size: int = 14) -> None:
    """Write to `folder` all but configuration and weights.

    Without `tokenizer`, a published `tiktoken.model` in `folder` becomes `tokenizer.json`; the published processor's code, which
    transformers 5 cannot load, is replaced by ours, with the numbers of the folder's own `preprocessor_config.json` where it has one.
    """
    if tokenizer is None and not (folder / "tokenizer.json").is_file() and (folder / VOCABULARY_FILE).is_file():
        tokenizer = load_tokenizer(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    for name in CODE:
        shutil.copyfile(Path(__file__).parent / f"{name}.py", folder / f"{name}.py")
    auto_map = {
        "AutoImageProcessor": "image_processing_kimi_vl.KimiVLImageProcessor",
        "AutoProcessor": "processing_kimi_vl.KimiVLProcessor",
    }
    file = folder / "preprocessor_config.json"
    settings: dict[str, Any] = {
        "patch_size": patch_size,
        "pad_input": True,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "in_token_limit": in_token_limit,
        "merge_kernel_size": [2, 2],
    }
    settings |= json.loads(file.read_text()) if file.is_file() else {}
    classes = {"image_processor_type": "KimiVLImageProcessor", "processor_class": "KimiVLProcessor", "auto_map": auto_map}
    file.write_text(json.dumps(settings | classes, indent=2) + "\n")
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": "KimiVLProcessor", "auto_map": auto_map}, indent=2) + "\n")
