"""`deftly train plan`: how much memory a run, or serving, would take on each GPU, from the model's configuration alone."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deftly.errors import UsageError

if TYPE_CHECKING:
    from training.memory.fitting import Advice, Hardware
    from training.memory.model import Screen
    from training.memory.serving import ServePlan
    from training.trainer.config import TrainConfig

_UNITS = {"": 1, "B": 1, "GB": 10**9, "GIB": 2**30, "MB": 10**6, "MIB": 2**20}


def add_plan(verbs: Any) -> None:
    part = verbs.add_parser("plan", help="say what a run takes in memory, before it is begun")
    part.set_defaults(verb=_plan)
    part.add_argument("model", type=Path, metavar="MODEL_OR_CONFIG", help="a model's folder, its config.json, or a run's .yaml file")
    part.add_argument("--gpus", type=int, default=1, metavar="N", help="(default: %(default)s)")
    part.add_argument("--gpus-per-node", type=int, default=8, metavar="N", help="(default: %(default)s)")
    part.add_argument("--gpu-memory", type=_bytes, default=_bytes("80GiB"), metavar="SIZE", help="such as 24GiB (default: 80GiB)")
    part.add_argument("--pack-tokens", type=int, metavar="T", help="short for --set data.pack_length=T (default: 16384)")
    part.add_argument("--lora", type=int, metavar="RANK", help="short for --set lora.rank=RANK weights_dtype=bfloat16")
    part.add_argument("--eight-bit", choices=("optimizer", "frozen"), nargs="+", default=[], help="kept in a byte a number (bitsandbytes)")
    part.add_argument("--keep-activations", action="store_true", help="do not compute them again in the backward pass")
    part.add_argument("--screen", default="1920x1080", metavar="WxH", help="of the screenshots in a pack (default: %(default)s)")
    part.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one key of the run's configuration")
    part.add_argument("--serve", action="store_true", help="what serving takes instead of training")
    part.add_argument("--context-tokens", type=int, default=16_384, metavar="T", help="of a conversation that is served (default: 16384)")
    part.add_argument("--json", action="store_true", help="print the plan as JSON, in bytes")


def _plan(options: argparse.Namespace) -> None:
    from training.memory.fitting import Hardware, advise
    from training.memory.layouts import EightBit
    from training.memory.model import read_model_config
    from training.memory.serving import plan_serving

    for name in ("gpus", "gpus_per_node", "context_tokens"):
        if getattr(options, name) < 1:
            raise UsageError(f"--{name.replace('_', '-')} is {getattr(options, name)}: it must be 1 or more")
    hardware = Hardware(gpus=options.gpus, gpus_per_node=options.gpus_per_node, memory=options.gpu_memory)
    config = _config(options)
    model = read_model_config(Path(config.model))
    screen = _screen(options.screen)
    if options.serve:
        served = plan_serving(model, hardware, screen, context_tokens=options.context_tokens)
        print(json.dumps(served.to_json()) if options.json else _serve_words(served, hardware))
        return
    advice = advise(model, config, hardware, screen, eight_bit=EightBit(**dict.fromkeys(options.eight_bit, True)))
    print(json.dumps(advice.to_json()) if options.json else _train_words(advice, hardware, config))


def _config(options: argparse.Namespace) -> TrainConfig:
    from training.trainer.config import read_config

    is_run = options.model.suffix in (".yaml", ".yml")
    defaults = [] if is_run else [f"model={options.model}", "out=''", "data.folder=''", "dtype=bfloat16"]
    if not is_run and not options.keep_activations:
        defaults.append("checkpoint_activations=true")
    if options.pack_tokens is not None:
        defaults.append(f"data.pack_length={options.pack_tokens}")
    if options.lora is not None:
        defaults += [f"lora.rank={options.lora}", "weights_dtype=bfloat16"]
    return read_config(options.model if is_run else None, [*defaults, *options.set])


def _bytes(text: str) -> float:
    found = re.fullmatch(r"([0-9.]+)\s*([A-Za-z]*)", text)
    if found is None or found[2].upper() not in _UNITS:
        raise argparse.ArgumentTypeError(f"{text!r} is no size, such as 80GiB")
    return float(found[1]) * _UNITS[found[2].upper()]


def _screen(text: str) -> Screen:
    from training.memory.model import Screen

    found = re.fullmatch(r"([1-9]\d{1,4})x([1-9]\d{1,4})", text)
    if found is None:
        raise UsageError(f"--screen is {text!r}: it must be like 1920x1080")
    return Screen(width=int(found[1]), height=int(found[2]))


def _train_words(advice: Advice, hardware: Hardware, config: TrainConfig) -> str:
    kept = "computed again" if config.checkpoint_activations else "kept"
    counts = f"{advice.num_parameters / 1e9:.3f} B parameters, {advice.num_trained / 1e9:.3f} B trained"
    work = f"packs of {advice.pack_tokens:,} tokens, activations {kept}"
    lines = [
        f"{counts}; {work}; GiB on each of {hardware.gpus} GPU{'s' if hardware.gpus > 1 else ''} of {_gib(hardware.memory)}",
        "",
        f"{'':<8}{'weights':>9}{'gradients':>11}{'optimizer':>11}{'activations':>13}{'of them logits':>16}"
        f"{'buffers':>9}{'peak':>8}{'largest pack':>15}",
    ]
    for choice in advice.choices:
        e = choice.estimate
        cells = f"{_gib(e.weights):>9}{_gib(e.gradients):>11}{_gib(e.optimizer):>11}{_gib(e.activations):>13}{_gib(e.logits):>16}"
        largest = f"{choice.largest_pack:,}" if choice.largest_pack else "none"
        lines.append(
            f"{choice.layout.name:<8}{cells}{_gib(e.buffers):>9}{_gib(e.total):>8}{largest:>15}{'' if choice.fits else '  does not fit'}"
        )
    return "\n".join([*lines, "", advice.words])


def _serve_words(served: ServePlan, hardware: Hardware) -> str:
    return "\n".join(
        [
            f"{served.num_parameters / 1e9:.3f} B parameters in bf16 on one GPU of {_gib(hardware.memory)} GiB",
            f"weights                 {_gib(served.weights):>8} GiB",
            f"a screenshot is seen    {_gib(served.seeing):>8} GiB   ({served.screen_tokens:,} tokens)",
            f"a prompt is read        {_gib(served.reading):>8} GiB",
            f"a token in the cache    {served.cache_per_token:>8,} bytes",
            f"room in the cache       {served.cache_tokens:>8,} tokens, {served.contexts:.1f} conversations of {served.context_tokens:,}"
            if served.fits
            else "the weights and what is computed do not fit: take a larger GPU, or tensor parallelism",
        ]
    )


def _gib(size: float) -> str:
    return f"{size / 2**30:.2f}"
