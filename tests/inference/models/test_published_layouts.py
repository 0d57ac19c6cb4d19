"""Experts of Qwen3-VL are saved as they were published, and read back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.inference.tiny import build_tiny
from training.trainer.export import _write_model
from training.trainer.model import load_model

pytestmark = pytest.mark.model


def test_inputs_come_before_outputs_on_disk_and_what_is_saved_again_is_the_same(tmp_path: Path) -> None:
    folder = build_tiny(tmp_path / "model", kind="qwen3_vl_moe")
    saved = load_file(folder / "model.safetensors")
    layer = "model.language_model.layers.0.mlp.experts"
    assert saved[f"{layer}.gate_up_proj"].shape == (4, 96, 2 * 32)
    assert saved[f"{layer}.down_proj"].shape == (4, 32, 96)
    model = load_model(folder, torch.float32)
    assert torch.equal(model.get_parameter(f"{layer}.down_proj"), saved[f"{layer}.down_proj"].mT)
    _write_model(model, dict(model.state_dict()), folder, tmp_path / "again")
    again = load_file(tmp_path / "again" / "model.safetensors")
    assert again.keys() == saved.keys()
    assert all(torch.equal(again[name], saved[name]) for name in saved)
