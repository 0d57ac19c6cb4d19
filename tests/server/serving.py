"""Real `deftly serve` processes, with either engine, on free ports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

PATIENCE_SECONDS = 900.0  # for vLLM to start on a busy machine; 30 s on a quiet one
VLLM_OPTIONS = ("--dtype", "float32", "--enforce-eager", "--max-model-len", "2048")


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server that answers."""

    url: str
    model: str
    engine: str
    process: subprocess.Popen[str]
    log: Path

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENCE_SECONDS, **options)

    def log_lines(self) -> list[dict[str, Any]]:
        """What it has logged as JSON; vLLM's own lines are none."""
        return [json.loads(line) for line in self.log.read_text(errors="replace").splitlines() if line.startswith('{"time"')]


def find_vllm() -> Path | None:
    """The Python of an environment with vLLM: DEFTLY_VLLM_PYTHON, or `.venv-vllm` in the repo."""
    named = os.environ.get("DEFTLY_VLLM_PYTHON")
    python = Path(named) if named else Path(__file__).parents[2] / ".venv-vllm" / "bin" / "python"
    return python if python.is_file() else None


@contextmanager
def serving(folder: Path, *arguments: str, **environment: str) -> Iterator[Served]:
    """`deftly serve` with these arguments, until the block ends; its log lies in `folder`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DEFTLY_") or name == "DEFTLY_VLLM_PYTHON"}
    clean |= {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", **environment}
    log = folder / "serve.log"
    command = [sys.executable, "-m", "deftly", "serve", "--port", "0", "--json", *arguments]
    with log.open("w") as err:
        process = subprocess.Popen(command, env=clean, stdout=subprocess.PIPE, stderr=err, text=True)
    alarm = threading.Timer(PATIENCE_SECONDS, process.kill)
    alarm.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        alarm.cancel()
        assert line, f"the server ended with exit code {process.wait()}:\n{log.read_text(errors='replace')[-4000:]}"
        about = json.loads(line)
        yield Served(url=about["url"], model=about["model"], engine=about["engine"], process=process, log=log)
    finally:
        alarm.cancel()
        stop(process)


def stop(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> int:
    """End it in good order; its exit code."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    finally:
        if process.stdout:
            process.stdout.close()
