"""The model of a run: loaded, with adapters or frozen parts, ready to read packs."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inference.models import register_native_models
from inference.vlm.checkpoint import quiet
from inference.vlm.one_stream import is_one_stream
from training.errors import RunError
from training.trainer.config import LoraConfig, TrainConfig
from training.varlen.network import PackedNetwork


def load_network(config: TrainConfig) -> PackedNetwork:
    """The model in `config.model`, as `config` wants it trained.

    Raises:
        RunError: the folder holds no model that can be loaded whole, or nothing of it is left to train.
    """
    return as_configured(load_model(Path(config.model), getattr(torch, config.weights_dtype)), config)


def as_configured(model: Any, config: TrainConfig) -> PackedNetwork:
    """`model` with the adapters, frozen parts and activation checkpoints of `config`.

    Raises:
        RunError: nothing of it is left to train.
    """
    trained: nn.Module = with_adapters(model, config.lora) if config.lora else model
    _freeze(trained, config.freeze)
    if config.checkpoint_activations:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    extra = {"z_loss": config.z_loss or 0.0, "balance_loss": config.balance_loss or 0.0}
    network = PackedNetwork(trained.train(), loss_chunk=config.loss_chunk, **extra)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise RunError(f"freeze is {', '.join(config.freeze)}: nothing of the model is left to train")
    return network


def load_model(folder: Path, dtype: torch.dtype) -> Any:
    """A vision-language model, or one of text alone.

    Raises:
        RunError: there is none in `folder`, or its weights are not whole.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    register_native_models()
    try:
        with quiet():
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            sees = hasattr(config, "vision_config") or is_one_stream(config)
            auto = AutoModelForImageTextToText if sees else AutoModelForCausalLM
            model, info = auto.from_pretrained(
                folder, dtype=dtype, attn_implementation="sdpa", local_files_only=True, output_loading_info=True
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise RunError(f"the model in {folder} cannot be loaded: {error}") from error
    for what in ("missing_keys", "mismatched_keys"):
        if info[what]:
            raise RunError(f"the model in {folder} has {what.replace('_', ' ')}, {sorted(map(str, info[what]))[0]} among them")
    return model


def with_adapters(model: Any, lora: LoraConfig) -> nn.Module:
    """LoRA (Hu et al., 2021) on the language model's layers, by peft; those that vLLM can serve as adapters."""
    import peft

    names = "|".join(map(re.escape, lora.targets))
    settings = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=rf"(?!.*(visual|vision_tower)).*\.({names})",
        task_type="CAUSAL_LM",
    )
    try:
        return peft.get_peft_model(model, settings)
    except ValueError as error:
        raise RunError(f"lora.targets is {', '.join(lora.targets)}: {error}") from error


def _freeze(model: nn.Module, patterns: tuple[str, ...]) -> None:
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in names):
            raise RunError(f"freeze has {pattern!r}, which fits no parameter: there are {names[0]}, {names[-1]} and {len(names) - 2} more")
    for name, parameter in model.named_parameters():
        if any(fnmatch(name, pattern) for pattern in patterns):
            parameter.requires_grad_(False)
