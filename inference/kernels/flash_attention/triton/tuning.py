"""Tiles chosen by timing them, kept for each GPU and version of Triton in a small file of the user's cache folder.

What has been measured once is used ever after. Measuring, some seconds for each new shape, is asked for by `DEFTLY_ATTENTION_TUNE=1`.
A call with `deterministic=True` takes the tiles that are written down in the code: other tiles give other last bits.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import torch

from inference.kernels.flash_attention.cpu.build import cache_folder
from inference.kernels.flash_attention.settings import Settings

FORMAT = 1
T = TypeVar("T", bound=tuple[Any, ...])  # a NamedTuple of whole numbers and booleans


@dataclass
class Choices:
    """What was fastest on one GPU with one Triton: `tiles` by shape, each with its milliseconds."""

    path: Path
    gpu: str
    triton: str
    tiles: dict[str, tuple[list[int | bool], float]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, gpu: str, triton: str) -> Choices:
        """From the file in `folder`; a missing one is empty, and so is, with a warning, one that cannot be understood."""
        name = re.sub(r"[^A-Za-z0-9.]+", "-", f"tiles-{gpu}-triton-{triton}").strip("-")
        choices = cls(folder / f"{name}.json", gpu, triton)
        try:
            choices.tiles = _understood(json.loads(choices.path.read_text()), gpu, triton)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError) as error:
            why = f"{type(error).__name__}: {error}"
            warnings.warn(f"{choices.path} is passed over, and tiles are the usual ones ({why})", RuntimeWarning, stacklevel=2)
        return choices

    def get(self, shape: str, usual: T) -> T | None:
        """The tile for a shape, if one was measured and has the form of `usual`."""
        numbers, _ = self.tiles.get(shape, ([], 0.0))
        if [type(x) for x in numbers] != [type(x) for x in usual]:
            return None
        return cast(T, cast(Any, type(usual))(*numbers))

    def put(self, shape: str, tile: T, milliseconds: float) -> None:
        """Keep a tile, beside those that other processes have kept meanwhile."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # it is about to be written anew
            found = Choices.read(self.path.parent, self.gpu, self.triton).tiles
        self.tiles = {**found, **self.tiles, shape: (list(tile), milliseconds)}
        whole = {
            "format": FORMAT,
            "gpu": self.gpu,
            "triton": self.triton,
            "tiles": {name: {"tile": numbers, "ms": round(ms, 5)} for name, (numbers, ms) in sorted(self.tiles.items())},
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".tiles-")
        with os.fdopen(handle, "w") as file:
            json.dump(whole, file, indent=1)
        Path(temporary).replace(self.path)


def _understood(whole: Any, gpu: str, triton: str) -> dict[str, tuple[list[int | bool], float]]:
    if (whole["format"], whole["gpu"], whole["triton"]) != (FORMAT, gpu, triton):
        raise ValueError(f"it is for {whole['gpu']}, Triton {whole['triton']}, format {whole['format']}")
    tiles = {}
    for name, entry in whole["tiles"].items():
        numbers, ms = entry["tile"], float(entry["ms"])
        if not isinstance(numbers, list) or not all(isinstance(x, int) and x >= 0 for x in numbers):
            raise ValueError(f"the tile of {name!r} is {numbers!r}")
        tiles[str(name)] = (numbers, ms)
    return tiles


def shape_name(kind: str, size: int, value_size: int, dtype: torch.dtype, num_rows: int, settings: Settings) -> str:
    """Calls of one name share a tile: lengths count up to the next power of two, and windows as one."""
    mask = "window" if settings.window_left >= 0 or settings.window_right > 0 else "causal" if settings.window_right == 0 else "full"
    bent = " softcap" if settings.softcap else ""
    return f"{kind} {size}x{value_size} {str(dtype)[6:]} {1 << max(num_rows - 1, 0).bit_length()} {mask}{bent}"


def fastest(tiles: Sequence[T], measure: Callable[[T], float]) -> tuple[T, float]:
    """The tile with the fewest milliseconds; one that the GPU has no room for does not count."""
    from triton.runtime.errors import OutOfResources, PTXASError

    times: list[tuple[float, T]] = []
    for tile in tiles:
        try:
            times.append((measure(tile), tile))
        except (OutOfResources, PTXASError):
            continue
    if not times:
        raise RuntimeError(f"none of {len(tiles)} tiles runs on this GPU")
    milliseconds, tile = min(times, key=lambda pair: pair[0])
    return tile, milliseconds


def chosen(shape: str, tiles: Sequence[T], launch: Callable[[T], object], device: torch.device, settings: Settings) -> T:
    """The tile for a call: measured before, or measured now if that is asked for; else the first of `tiles`, the usual one."""
    usual = tiles[0]
    if device.type != "cuda" or settings.deterministic:
        return usual
    choices = _choices(torch.cuda.get_device_name(device))
    if (kept := choices.get(shape, usual)) is not None:
        return kept
    if os.environ.get("DEFTLY_ATTENTION_TUNE") != "1" or len(tiles) == 1 or torch.cuda.is_current_stream_capturing():
        return usual
    tile, milliseconds = fastest(tiles, lambda tile: _milliseconds(lambda: launch(tile)))
    choices.put(shape, tile, milliseconds)
    return tile


def _milliseconds(call: Callable[[], object]) -> float:
    from triton.testing import do_bench

    return float(do_bench(call, warmup=10, rep=60, return_mode="median"))


@cache
def _choices(gpu: str) -> Choices:
    import triton

    return Choices.read(cache_folder(), gpu, triton.__version__)
