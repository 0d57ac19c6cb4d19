"""How often our attention ran, across vLLM's processes: each writes its own small file, and the API server adds them up for `/metrics`.

vLLM's engine is a process of its own that has no metrics of Prometheus's kind; a shared mapping costs an addition to count with.
With several API servers (`--api-server-count`), vLLM shows only what Prometheus's own files hold, and these figures are absent.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = "DEFTLY_VLLM_COUNTS"  # set in the first process, inherited by its children
NAMES = ("layers", "decoder_calls", "decoder_tokens", "vision_calls", "vision_tokens")
_WORD = struct.Struct("<q")

_mapping: mmap.mmap | None = None
_owner = 0


def start() -> None:
    """Make the folder, and show the sums in this process's metrics, once."""
    if FOLDER not in os.environ:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="deftly-vllm-counts-")
    from prometheus_client import REGISTRY

    if not any(isinstance(known, AttentionCollector) for known in list(REGISTRY._collector_to_names)):
        REGISTRY.register(AttentionCollector())


def count(name: str, number: int = 1) -> None:
    """Add to this process's own count."""
    global _mapping, _owner
    if _mapping is None or _owner != os.getpid():
        _mapping, _owner = _open(), os.getpid()
    at = NAMES.index(name) * _WORD.size
    _WORD.pack_into(_mapping, at, _WORD.unpack_from(_mapping, at)[0] + number)


def totals() -> dict[str, int]:
    """Over all processes, also those that have ended."""
    sums = dict.fromkeys(NAMES, 0)
    for path in Path(os.environ[FOLDER]).glob("*.counts"):
        for name, (value,) in zip(NAMES, _WORD.iter_unpack(path.read_bytes()), strict=True):
            sums[name] += value
    return sums


class AttentionCollector:
    """`deftly_attention_…_total` for Prometheus."""

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily

        for name, value in totals().items():
            yield CounterMetricFamily(f"deftly_attention_{name}", f"{name.replace('_', ' ')} of Deftly's attention", value=value)

    def describe(self) -> Iterator[Any]:
        """Nothing, so that registering does not read the files."""
        return iter(())


def _open() -> mmap.mmap:
    path = Path(os.environ[FOLDER]) / f"{os.getpid()}.counts"
    path.write_bytes(bytes(_WORD.size * len(NAMES)))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)
