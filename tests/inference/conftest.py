"""The tiny model, built once for all tests of inference, and transformers' own way of running it to compare with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inference.tiny import Reference, build_tiny


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("models") / "tiny-vlm")


@pytest.fixture(scope="session")
def reference(tiny_model: Path) -> Reference:
    return Reference(tiny_model)
