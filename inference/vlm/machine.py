"""Where a model runs and in what numbers: device, number format, threads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import torch

SMALL_MODEL = 100_000_000  # parameters


def find_device(name: str) -> torch.device:
    """torch's device called `name`; "auto" is a GPU where there is one.

    Raises:
        ValueError: there is no such device here.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device is {name!r}: it must be auto, cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {name!r}, and no GPU can be used here: use auto or cpu")
    return device


def find_dtype(name: str, device: torch.device) -> torch.dtype | str:
    """torch's number format called `name`; "auto" is the folder's own on a GPU, and float32 on a CPU."""
    import torch

    if name == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    dtype = getattr(torch, name, None)
    if dtype not in (torch.float32, torch.bfloat16, torch.float16):
        raise ValueError(f"dtype is {name!r}: it must be auto, float32, bfloat16 or float16")
    return cast("torch.dtype", dtype)


def set_threads(num_parameters: int) -> None:
    """DEFTLY_THREADS, else one for a small model and the physical cores for a large one.

    The steps of a small model are too short to share out: on two busy cores, a second thread made them ten times slower.
    """
    import torch

    asked = os.environ.get("DEFTLY_THREADS", "").strip()
    if asked and not (asked.isdigit() and int(asked) > 0):
        raise ValueError(f"DEFTLY_THREADS is {asked!r}: it must be a whole number, 1 or more")
    torch.set_num_threads(int(asked) if asked else 1 if num_parameters < SMALL_MODEL else _num_cores())


def _num_cores() -> int:
    """Physical cores that this process may use: two threads that share one slow each other down in matrix products."""
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    siblings = [Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") for cpu in mine]
    return len({path.read_text() for path in siblings if path.is_file()}) or len(mine)
