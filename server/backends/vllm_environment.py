"""What a vLLM server finds in its environment, and how it shares out a machine with few cores.

On CPUs vLLM 0.32 gives the scheduler and the model a process each, which ask a piece of shared memory in a loop whether the other has
something. On two cores that loop takes most of the second (78 ms of processor time a request, where the model takes 90:
docs/serving.md), and all else stands behind it: the API server, the proxy, the clients. So on few cores both live in one process.

It has a thread a core but one, as vLLM's own rule has it. A thread on every core is 1.4 times faster while nobody else works on the
machine, and 9 times slower as soon as one other program does: the threads wait for each other in loops, too. Several copies of a model
share the cores, with no fewer than one thread each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.backends.vllm_command import Parallelism, VllmOrder

FEW_CORES = 3  # from four on, vLLM's loop has a core to itself, and it binds its threads to the others


def vllm_environment(environment: Mapping[str, str], order: VllmOrder, num_cores: int | None = None) -> dict[str, str]:
    """`environment` with what vLLM needs in it; `num_cores` are those that this process may use, unless they are given."""
    ours = {"VLLM_NO_USAGE_STATS": "1", "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0"}
    if order.attention == "deftly":
        ours["DEFTLY_VLLM_ATTENTION"] = "1"
    return {**_for_few_cores(order, num_cores or _num_cores()), **environment, **ours}


def shares_few_cores(spread: Parallelism, num_cores: int | None = None) -> bool:
    """Whether a copy of a model is to have its scheduler in its own process. On a GPU it changes nothing."""
    num_cores = num_cores or _num_cores()
    return spread.data <= num_cores <= FEW_CORES and spread.tensor == spread.pipeline == 1 and not spread.ray


def _for_few_cores(order: VllmOrder, num_cores: int) -> dict[str, str]:
    """What the user's own environment may overrule."""
    if not shares_few_cores(order.parallelism, num_cores):
        return {}
    copies = order.parallelism.data
    num_threads = num_cores // copies if copies > 1 else max(1, num_cores - 1)
    return {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "OMP_NUM_THREADS": str(num_threads)}


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
