"""What is planned is what a real trainer takes, and what is known of real models comes out of their configurations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from training.errors import RunError
from training.memory.fitting import GIB, Hardware
from training.memory.layouts import EightBit, estimate, layouts
from training.memory.model import Screen, read_model_config
from training.memory.serving import plan_serving
from training.memory.trace import trace
from training.trainer.config import DataConfig, LoraConfig, TrainConfig

CONFIGS = Path(__file__).parent / "configs"  # Qwen/Qwen2.5-VL-7B-Instruct's published shape; Kimi-VL-A3B's as torchtitan and vLLM have it
REPO = Path(__file__).resolve().parents[3]
MEASURE = """
import json, sys
import torch
from training.memory.measure import measured_rise, state_bytes
from training.memory.model import Workload, read_model_config
from training.memory.trace import trace
from training.trainer.config import read_config
from training.trainer.dataset import PackLoader
from training.trainer.trainer import Trainer
from training.trainer.world import joined_world
from pathlib import Path

torch.set_num_threads(1)
config = read_config(None, sys.argv[1:])
with joined_world("cpu") as world:
    trainer = Trainer(config, world, quiet=True)
    works = iter(PackLoader(trainer.store, trainer.split.train, trainer.plan, rank=0, world_size=1, workers=0))
    trainer.train_step(next(works))
    work = next(works)
    rise = measured_rise(lambda: trainer.train_step(work), world.device)
    states = state_bytes(trainer.network, trainer.optimizers)
planned = trace(read_model_config(Path(config.model)), config, Workload.of(work.packs[0]), target="cpu")
plan = {"planned": planned.peak - planned.input, "planned_states": planned.states - planned.input}
print(json.dumps({"rise": rise, "states": states, **plan}))
"""


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "changes", [(), ("checkpoint_activations=true",), ("lora.rank=8",)], ids=["full", "activations computed again", "lora"]
)
def test_a_plan_is_within_a_tenth_of_what_the_trainer_takes(
    tmp_path: Path, tiny_folder: Path, dataset: Path, changes: tuple[str, ...]
) -> None:
    """The trainer's own step on real data, in a process of its own; every allocation that torch's profiler reports is added up."""
    options = [f"model={tiny_folder}", f"out={tmp_path / 'run'}", f"data.folder={dataset}", "data.pack_length=1200", "steps=4"]
    options += ["data.packs_per_step=1", "data.workers=0", "data.held_out=0", "watch.tensorboard=false", "watch.every=0", *changes]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *options], cwd=REPO, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.strip().splitlines()[-1])
    measured = found["states"] + found["rise"]
    assert found["planned_states"] == pytest.approx(found["states"], rel=0.02)
    assert found["planned"] == pytest.approx(measured, rel=0.1)


def _config(**changes: Any) -> TrainConfig:
    return TrainConfig(model="", out="", data=DataConfig(folder=""), **changes)


def test_kimi_vl_is_served_by_one_gpu_as_its_published_weights_say() -> None:
    """32.82 GB of weights (its 7 files together), and the latent of 512 and 64 numbers for each of 27 layers."""
    plan = plan_serving(read_model_config(CONFIGS / "kimi-vl-a3b"), Hardware(), Screen())
    assert plan.num_parameters == 16_407_654_384 or plan.num_parameters == pytest.approx(16.408e9, rel=1e-4)
    assert plan.weights / 1e9 == pytest.approx(32.82, abs=0.01)
    assert plan.cache_per_token == 27 * (512 + 64) * 2
    assert plan.fits and 0 < plan.seeing < plan.weights / 10


def test_qwen_2_5_vl_7b_is_served_by_one_gpu_of_24_gib_with_room_for_some_screens() -> None:
    plan = plan_serving(read_model_config(CONFIGS / "qwen2.5-vl-7b"), Hardware(memory=24 * GIB), Screen())
    assert plan.num_parameters == 8_292_166_656
    assert plan.cache_per_token == 2 * 28 * 4 * 128 * 2
    assert plan.screen_tokens == 69 * 39
    assert plan.fits and plan.cache_tokens > 5 * plan.screen_tokens


@pytest.fixture(scope="module")
def traced() -> Any:
    model = read_model_config(REPO / "inference/models/deftly_tiny")
    return trace(model, _config(weights_dtype="bfloat16", dtype="bfloat16"), Screen(width=320, height=320).workload(model, 1))


def test_each_stage_of_sharding_takes_less_and_none_more_than_replicas(traced: Any) -> None:
    found = {layout.name: estimate(traced, layout, compute_bytes=2, eight_bit=EightBit()) for layout in layouts(16, gpus_per_node=8)}
    assert found["zero-3"].weights == pytest.approx(traced.weights / 16, rel=0.05)
    assert found["hsdp"].weights == pytest.approx(traced.weights / 8, rel=0.05)
    assert found["zero-3"].optimizer < found["hsdp"].optimizer < found["ddp"].optimizer
    assert found["zero-3"].total < found["zero-2"].total < found["zero-1"].total
    assert found["zero-3"].gradients == found["zero-2"].gradients < found["zero-1"].gradients


def test_eight_bit_states_take_a_quarter_of_fp32_ones(traced: Any) -> None:
    one = layouts(1, 8)[0]
    eight = estimate(traced, one, compute_bytes=2, eight_bit=EightBit(optimizer=True))
    assert eight.optimizer == pytest.approx(traced.num_trained * 2, rel=0.02)


def test_lora_keeps_gradients_and_states_of_adapters_alone() -> None:
    model = read_model_config(REPO / "inference/models/deftly_tiny")
    found = trace(model, _config(lora=LoraConfig(rank=4)), Screen(width=64, height=64).workload(model, 1))
    assert 0 < found.num_trained < found.num_parameters / 20
    assert found.optimizer == pytest.approx(8 * found.num_trained, rel=0.01)


def test_what_is_no_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "nothing-known"}')
    with pytest.raises(RunError, match=r"is no model's configuration"):
        read_model_config(tmp_path)
