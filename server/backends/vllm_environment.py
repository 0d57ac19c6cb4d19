"""What a vLLM server finds in its environment, and how it shares out a machine with few cores.

On CPUs vLLM 0.32 gives the scheduler and the model a process each, which ask a piece of shared memory in a loop whether the other has
something. On two cores that loop takes most of the second (78 ms of processor time a request, where the model takes 90:
docs/serving.md), and all else stands behind it: the API server, the proxy, the clients. So on few cores both live in one process.

It has a thread a core but one, as vLLM's own rule has it. A thread on every core is 1.4 times faster while nobody else works on the
machine, and 9 times slower as soon as one other program does: the threads wait for each other in loops, too. Several copies of a model
share the cores, with no fewer than one thread each. (Times taken by hand on two cores; only the copies have a benchmark.) A machine with a
GPU is left as vLLM has it: there the model does not compete for the cores, and nothing of this was tried.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from server.backends.vllm_command import Parallelism, VllmOrder

FEW_CORES = 3  # from four on, vLLM's loop has a core to itself, and it binds its threads to the others


_GPU_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/kfd"))  # of CUDA, of ROCm


class Machine(NamedTuple):
    """What is to be shared out: the cores that this process may use, and whether there is a GPU."""

    num_cores: int
    has_gpu: bool = False


def this_machine() -> Machine:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(cores, any(device.exists() for device in _GPU_DEVICES))


def vllm_environment(environment: Mapping[str, str], order: VllmOrder, machine: Machine | None = None) -> dict[str, str]:
    """`environment` with what vLLM needs in it on `machine`, which is this one unless it is given."""
    ours = {"VLLM_NO_USAGE_STATS": "1", "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0"}
    if order.attention == "deftly":
        ours["DEFTLY_VLLM_ATTENTION"] = "1"
    return {**_for_few_cores(order.parallelism, machine or this_machine()), **environment, **ours}


def shares_few_cores(spread: Parallelism, machine: Machine) -> bool:
    """Whether a copy of a model is to have its scheduler in its own process."""
    few = not machine.has_gpu and spread.data <= machine.num_cores <= FEW_CORES
    return few and spread.tensor == spread.pipeline == 1 and not spread.ray


def _for_few_cores(spread: Parallelism, machine: Machine) -> dict[str, str]:
    """What the user's own environment may overrule."""
    if not shares_few_cores(spread, machine):
        return {}
    num_threads = machine.num_cores // spread.data if spread.data > 1 else max(1, machine.num_cores - 1)
    return {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "OMP_NUM_THREADS": str(num_threads)}
