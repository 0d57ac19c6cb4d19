"""Engines are opened by name, and wrong names or options are refused."""

from __future__ import annotations

import subprocess
import sys

import pytest

from inference.engines import UnknownEngine, engine_names, open_engine
from inference.engines.scripted import ScriptedEngine


def test_an_engine_is_opened_by_its_name_with_its_options() -> None:
    engine = open_engine("scripted", replies=["hello"], name="parrot")
    assert isinstance(engine, ScriptedEngine)
    assert engine.name == "parrot"


def test_an_unknown_engine_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UnknownEngine, match="no engine is called 'llama': known are transformers, openai, scripted"):
        open_engine("llama")
    assert engine_names()[:3] == ("transformers", "openai", "scripted")


def test_an_option_that_the_engine_does_not_have_is_never_dropped_silently() -> None:
    with pytest.raises(UnknownEngine, match="has no option 'model': it takes replies, "):
        open_engine("scripted", replies=[], model="x")


def test_a_missing_option_is_named() -> None:
    with pytest.raises(UnknownEngine, match="needs the option 'replies'"):
        open_engine("scripted")


def test_opening_the_registry_loads_no_heavy_library() -> None:
    code = (
        "import sys, inference.engines, inference.families, inference.engines.openai, inference.engines.transformers; "
        "assert not {'torch', 'transformers', 'httpx', 'PIL'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
