"""A run is data: one typed configuration, read strictly, written beside the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from training.errors import RunError

DType = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """`packs_per_step` are divided among all ranks: the batch stays the same on any number of machines.

    A sample longer than `pack_length` stops the run (`overlong: stop`), or is left out and named (`skip`). `held_out` is the share of
    episodes that is never trained on.
    """

    folder: str
    pack_length: int = 16_384
    packs_per_step: int = 8
    lookahead: int = 1000
    seed: int = 0
    workers: int = 2
    overlong: Literal["stop", "skip"] = "stop"
    held_out: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerConfig:
    """`muon` trains the matrices of the layers with Muon and all else with AdamW; its rate is `learning_rate` too, matched to AdamW's."""

    name: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = 1e-5
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.95
    momentum: float = 0.95
    clip_norm: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleConfig:
    """`warmup` and `decay` are shares of all steps; `wsd` holds the rate until the decay begins, straight down."""

    name: Literal["cosine", "linear", "constant", "wsd"] = "cosine"
    warmup: float = 0.03
    decay: float = 0.2
    final: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraConfig:
    """Adapters instead of all weights; `targets` are the layers' names in the language model."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelConfig:
    """`ddp` keeps the weights on every rank, `fsdp` shards them over all, `hsdp` over groups of `shard_size` ranks."""

    mode: Literal["ddp", "fsdp", "hsdp"] = "ddp"
    shard_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointConfig:
    """A checkpoint every so many steps, the last `keep` of them."""

    every: int = 200
    keep: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """What is looked at while training: the held-out loss, and answers to held-out screens, every `every` steps (0: never)."""

    every: int = 200
    samples: int = 4
    max_tokens: int = 64
    tensorboard: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """All of a run. `steps` goes before `epochs`. `freeze` are patterns (`*visual*`) of parameters' names that stay as they are.

    `z_loss` is the weight of the square of log Z, for each learnt token (1e-5 in Chameleon's recipe). `balance_loss` is that of uneven
    experts within a sequence, of Kimi-VL (α of DeepSeek-V3: 1e-4 there, 1e-3 in Moonlight's configuration).
    """

    model: str
    out: str
    data: DataConfig
    steps: int | None = None
    epochs: int = 1
    dtype: DType = "float32"
    weights_dtype: DType = "float32"
    device: str = "auto"
    seed: int = 0
    freeze: tuple[str, ...] = ()
    lora: LoraConfig | None = None
    checkpoint_activations: bool = False
    loss_chunk: int = 1024
    z_loss: float | None = None
    balance_loss: float | None = None
    ema: float | None = None
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    parallel: ParallelConfig = field(default_factory=ParallelConfig)
    checkpoints: CheckpointConfig = field(default_factory=CheckpointConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)

    def __post_init__(self) -> None:
        positive = {
            "data.pack_length": self.data.pack_length,
            "data.packs_per_step": self.data.packs_per_step,
            "data.lookahead": self.data.lookahead,
            "epochs": self.epochs,
            "loss_chunk": self.loss_chunk,
            "checkpoints.every": self.checkpoints.every,
            "checkpoints.keep": self.checkpoints.keep,
        }
        for name, value in positive.items():
            if value < 1:
                raise ValueError(f"{name} is {value}: it must be 1 or more")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"steps is {self.steps}: it must be 1 or more, or null for all of the epochs")
        if not 0 <= self.data.held_out < 1:
            raise ValueError(f"data.held_out is {self.data.held_out}: it must be from 0 to below 1")
        for name, weight in (("z_loss", self.z_loss), ("balance_loss", self.balance_loss)):
            if weight is not None and weight < 0:
                raise ValueError(f"{name} is {weight}: it must be 0 or more, or null")
        if self.ema is not None and not 0 < self.ema < 1:
            raise ValueError(f"ema is {self.ema}: it must be between 0 and 1, or null")
        if (self.parallel.mode == "hsdp") != (self.parallel.shard_size is not None):
            raise ValueError("parallel.shard_size goes with parallel.mode hsdp: give both, or neither")


# What may change between two starts of a run without its being another run.
MAY_CHANGE = frozenset(
    {"out", "steps", "epochs", "device", "parallel", "checkpoints", "watch", "data.workers", "checkpoint_activations", "loss_chunk"}
)


def read_config(file: Path | None, changes: Sequence[str] = ()) -> TrainConfig:
    """The configuration in `file`, changed by `changes` such as `optimizer.learning_rate=1e-4`.

    Raises:
        RunError: it cannot be read, or something in it is unknown or wrong; the message names the dotted path.
    """
    import yaml

    from inference.families.strict import build_strict

    data: Any = {}
    try:
        if file is not None:
            data = yaml.safe_load(file.read_text(encoding="utf-8"))
        for change in changes:
            _change(data, change)
        return build_strict(TrainConfig, data)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunError(f"{file} cannot be read: {error}") from error
    except ValueError as error:
        raise RunError(f"{file or 'the options'}: {error}") from error


def saved_config(run: Path) -> TrainConfig:
    """The configuration of the run in the folder `run`.

    Raises:
        RunError: there is no run.
    """
    import json

    from inference.families.strict import build_strict

    try:
        return build_strict(TrainConfig, json.loads((run / "config.json").read_text()))
    except (OSError, ValueError) as error:
        raise RunError(f"{run} is no run's folder: {error}") from error


def _change(data: Any, change: str) -> None:
    import yaml

    path, equals, text = change.partition("=")
    if not equals or not isinstance(data, dict):
        raise ValueError(f"{change!r} is not KEY=VALUE, as in optimizer.learning_rate=1e-4")
    *parents, last = path.split(".")
    for parent in parents:
        data[parent] = {} if data.get(parent) is None else data[parent]
        data = data[parent]
        if not isinstance(data, dict):
            raise ValueError(f"{parent} in {path} is a value, not a group")
    value = yaml.safe_load(text)
    data[last] = _number(value) if isinstance(value, str) else value


def _number(text: str) -> object:
    """YAML takes 1e-4, without a point, for text."""
    try:
        return float(text)
    except ValueError:
        return text


def config_json(config: TrainConfig) -> dict[str, Any]:
    """As JSON and YAML write it."""
    return dict(_plain(asdict(config)))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def check_same_run(before: dict[str, Any], now: dict[str, Any], at: str = "") -> None:
    """That `now` only goes on with the run that `before` configured.

    Raises:
        RunError: something differs that would make it another run.
    """
    for key in sorted(before.keys() | now.keys()):
        path = f"{at}.{key}" if at else key
        old, new = before.get(key), now.get(key)
        if path in MAY_CHANGE or old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            check_same_run(old, new, path)
        else:
            raise RunError(f"the run began with {path} {old!r}, and now it is {new!r}: choose another out for another run")
