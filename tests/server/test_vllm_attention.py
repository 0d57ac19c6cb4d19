"""`deftly serve --attention deftly` does not take vLLM's own attention for ours."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.metadata import distributions
from pathlib import Path

from inference.vllm_plugin import SWITCH
from inference.vllm_plugin.link import link_plugin, plugin_environment
from server.backends.vllm import has_our_attention
from server.backends.vllm_process import UnfitEngine, VllmProcess


def test_ours_shows_in_the_metrics_of_a_vllm_that_has_it() -> None:
    assert has_our_attention(b'# HELP x y\nvllm:requests{engine="0"} 3.0\ndeftly_attention_layers_total 4.0\n')
    assert not has_our_attention(b"deftly_attention_layers_total 0.0\n")
    assert not has_our_attention(b"vllm:requests 3.0\n")
    assert not has_our_attention(b"")


def test_an_engine_that_is_not_as_it_was_asked_to_be_is_ended_and_said_to_have_failed(tmp_path: Path) -> None:
    async def is_healthy() -> bool:
        raise UnfitEngine("ran with its own attention instead of Deftly's")

    async def life() -> VllmProcess:
        command = (sys.executable, "-c", "import time; time.sleep(600)")
        process = VllmProcess(command, os.environ, tmp_path / "socket", is_healthy)
        process.start()
        while process.status.condition not in ("failed", "ok"):
            await asyncio.sleep(0.05)
        assert process._process is not None
        assert process._process.returncode is not None
        await process.stop()
        return process

    status = asyncio.run(asyncio.wait_for(life(), 60)).status
    assert (status.condition, status.detail) == ("failed", "ran with its own attention instead of Deftly's")


def test_the_plugin_is_found_where_nothing_is_installed(tmp_path: Path) -> None:
    folder = link_plugin(tmp_path / "site")
    points = [point for found in distributions(path=[str(folder)]) for point in found.entry_points]
    assert [(point.group, point.value) for point in points] == [("vllm.general_plugins", "inference.vllm_plugin:register")]
    assert (folder / "inference" / "vllm_plugin" / "backend.py").is_file()
    assert plugin_environment({"PYTHONPATH": "/x"}, folder) == {"PYTHONPATH": f"{folder}{os.pathsep}/x", SWITCH: "1"}
