"""From a trained network to a Hugging Face folder that vLLM and transformers load unchanged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from inference.vlm.checkpoint import quiet
from training.errors import RunError
from training.trainer.config import TrainConfig, saved_config
from training.trainer.model import load_model
from training.trainer.optimizers import MovingAverage
from training.trainer.world import World
from training.varlen.attention import use_library_attention
from training.varlen.network import PackedNetwork

WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.index.json", "config.json", "README.md")  # what is not taken over from the base


def export_network(
    network: PackedNetwork, spread: nn.Module, average: MovingAverage | None, config: TrainConfig, out: Path, world: World
) -> None:
    """Write the model as it is now, its moving average where there is one, to `out`; every rank takes part.

    With LoRA, `out` holds the adapter, which vLLM serves beside its base; `merge_adapter` makes one model of both.
    """
    if average is not None:
        average.swap()
    state = get_model_state_dict(spread, options=WHOLE)
    if average is not None:
        average.swap()
    if world.is_first:
        weights = {name.removeprefix("model."): value for name, value in state.items() if isinstance(value, Tensor)}
        if config.lora is not None:
            _write_adapter(network, weights, config, out)
        else:
            _write_model(network.core, weights, Path(config.model), out)
    world.barrier()


def merge_adapter(adapter: Path, base: Path, out: Path) -> None:
    """One model of `base` and the LoRA adapter in `adapter`.

    Raises:
        RunError: `adapter` is none.
    """
    from peft import PeftModel

    if not (adapter / "adapter_config.json").exists():
        raise RunError(f"{adapter} holds no adapter: it has no adapter_config.json")
    model = load_model(base, torch.float32)
    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    _write_model(merged, dict(merged.state_dict()), base, out)


def _write_model(model: Any, weights: dict[str, Tensor], base: Path, out: Path) -> None:
    """In the number format of the base."""
    dtype = _dtype_of(base)
    tied = set(model.all_tied_weights_keys or ()) if hasattr(model, "all_tied_weights_keys") else set()
    kept = {name: value.to(dtype) if value.is_floating_point() else value for name, value in weights.items() if name not in tied}
    out.mkdir(parents=True, exist_ok=True)
    _take_over(base, out)
    use_library_attention(model)
    with quiet():
        model.save_pretrained(out, state_dict=kept)
    _set_dtype(out, dtype)


def _write_adapter(network: PackedNetwork, weights: dict[str, Tensor], config: TrainConfig, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    model: Any = network.model
    with quiet():
        model.save_pretrained(out, state_dict=weights)
    file = out / "adapter_config.json"
    file.write_text(
        json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": str(Path(config.model).resolve())}, indent=2) + "\n"
    )


def _take_over(base: Path, out: Path) -> None:
    """Tokenizer, chat template and processor settings, byte for byte."""
    for file in base.iterdir():
        if file.is_file() and not any(file.match(pattern) for pattern in WEIGHTS):
            shutil.copyfile(file, out / file.name)


def _dtype_of(base: Path) -> torch.dtype:
    config = json.loads((base / "config.json").read_text())
    name = config.get("dtype") or config.get("torch_dtype") or config.get("text_config", {}).get("dtype") or "float32"
    return getattr(torch, name) if isinstance(name, str) else torch.float32


def _set_dtype(out: Path, dtype: torch.dtype) -> None:
    """The configuration names the format of the weights, which need not be the one that was trained in."""
    file = out / "config.json"
    config = json.loads(file.read_text())
    name = str(dtype).removeprefix("torch.")
    for part in (config, *(value for value in config.values() if isinstance(value, dict))):
        if "dtype" in part:
            part["dtype"] = name
    file.write_text(json.dumps(config, indent=2) + "\n")


def export_run(run: Path, out: Path, *, merge: bool = False) -> None:
    """The model of the newest checkpoint of `run`, in one process, whatever number of ranks trained it.

    Raises:
        RunError: `run` has no checkpoint, or `merge` is asked of a run without LoRA.
    """
    from training.trainer.checkpoints import Checkpoints, Trained
    from training.trainer.config import ParallelConfig
    from training.trainer.model import load_network
    from training.trainer.optimizers import build_optimizers
    from training.trainer.world import joined_world, spread

    config = saved_config(run)
    if merge and config.lora is None:
        raise RunError(f"{run} trained the whole model: there is nothing to merge, leave --merge out")
    with joined_world("cpu") as world:
        network = load_network(config)
        whole = spread(network, world, ParallelConfig(), "float32")
        average = MovingAverage(whole, config.ema) if config.ema is not None else None
        checkpoints = Checkpoints(run / "checkpoints", world, keep=config.checkpoints.keep)
        newest = checkpoints.latest()
        if newest is None:
            raise RunError(f"{run} has no checkpoint yet")
        trained = Trained(network=whole, optimizers=build_optimizers(whole, config.optimizer), average=average)
        checkpoints.load(newest, trained)
        if not merge:
            export_network(network, whole, average, config, out, world)
            return
        adapter = out.with_name(out.name + ".adapter")
        export_network(network, whole, average, config, adapter, world)
    merge_adapter(adapter, Path(config.model), out)
    shutil.rmtree(adapter)
