"""Which vector instructions this processor has, and with which options the kernels are compiled for them."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from inference.kernels.flash_attention.errors import AttentionInputError

_AVX2 = ("-mavx2", "-mfma", "-mf16c")
_AVX512 = (*_AVX2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mprefer-vector-width=512")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionSet:
    """A level of vector instructions: the processor's flags that it needs, and the compiler's options."""

    name: str
    flags: frozenset[str]
    options: tuple[str, ...]


LEVELS = (  # best first
    InstructionSet(
        name="avx512_bf16",
        flags=frozenset({"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_bf16"}),
        options=(*_AVX512, "-mavx512bf16"),
    ),
    InstructionSet(name="avx512", flags=frozenset({"avx512f", "avx512bw", "avx512vl", "avx512dq"}), options=_AVX512),
    InstructionSet(name="avx2", flags=frozenset({"avx2", "fma", "f16c"}), options=_AVX2),
    InstructionSet(name="portable", flags=frozenset(), options=()),  # what every processor of the architecture has: SSE2, NEON
)


@cache
def available() -> tuple[InstructionSet, ...]:
    """What this processor has, best first."""
    flags = _processor_flags()
    return tuple(level for level in LEVELS if level.flags <= flags)


def chosen() -> InstructionSet:
    """The best there is, or what `DEFTLY_CPU_ISA` names.

    Raises:
        AttentionInputError: the variable names none, or one that this processor has not.
    """
    asked = os.environ.get("DEFTLY_CPU_ISA", "")
    levels = available()
    if not asked:
        return levels[0]
    for level in levels:
        if level.name == asked:
            return level
    names = ", ".join(level.name for level in levels)
    raise AttentionInputError(f"DEFTLY_CPU_ISA is {asked!r}: this processor has {names}")


@cache
def _processor_flags() -> frozenset[str]:
    """Only Linux lists them in a file; elsewhere the portable level is used."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return frozenset()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return next((frozenset(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), frozenset())
