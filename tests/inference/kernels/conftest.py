"""The implementations of attention, each under the same tests, and the levels of vector instructions that this processor has."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from inference.kernels.flash_attention import use_implementation
from inference.kernels.flash_attention.cpu.instruction_sets import available

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler: apt-get install g++")


@pytest.fixture(params=[pytest.param("cpu", marks=needs_compiler), "torch"])
def implementation(request: pytest.FixtureRequest) -> Iterator[str]:
    with use_implementation(request.param):
        yield request.param


@pytest.fixture(params=[pytest.param(level.name, marks=needs_compiler) for level in available()])
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("DEFTLY_CPU_ISA", request.param)
    with use_implementation("cpu"):
        yield request.param
