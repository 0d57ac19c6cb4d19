"""A real vLLM server for tests, from an environment of its own, on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from scripts.setup_vllm import DECLARE_OPERATORS

START_SECONDS = 900.0  # on a busy machine; 40 s on a quiet one


def find_vllm() -> Path | None:
    """The Python of an environment with vLLM: DEFTLY_VLLM_PYTHON, or `.venv-vllm` in the repo."""
    named = os.environ.get("DEFTLY_VLLM_PYTHON")
    python = Path(named) if named else Path(__file__).parents[2] / ".venv-vllm" / "bin" / "python"
    return python if python.is_file() else None


class VllmFailed(RuntimeError):
    """The server did not come up; the message holds the end of its log."""


@contextmanager
def serving_vllm(
    python: Path, model: Path, folder: Path, *options: str, environment: Mapping[str, str] | None = None, site: str = ""
) -> Iterator[str]:
    """The base URL of a vLLM server with `model`; `folder` takes its log. It is gone when the block ends. `site` runs at its start."""
    environment = vllm_environment(folder, environment or {}, site)
    port = _free_port()
    command = [str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model), "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "vllm.log"
    with log.open("wb") as out:
        server = subprocess.Popen([*command, *options], env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        _wait_until_healthy(server, port, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        _end(server)


def vllm_environment(folder: Path, given: Mapping[str, str], site: str = "") -> dict[str, str]:
    """This process's environment with `given` in it, for vLLM; `folder` takes what runs at a process's start, `site` too."""
    (folder / "site").mkdir()
    # As in .venv-vllm, for environments that were made otherwise; where it was imported already, it is not again.
    (folder / "site" / "deftly_torchvision.py").write_text(DECLARE_OPERATORS)
    (folder / "site" / "sitecustomize.py").write_text("import deftly_torchvision\n" + site)
    return os.environ | {
        **given,
        "PYTHONPATH": os.pathsep.join([str(folder / "site"), *filter(None, [given.get("PYTHONPATH")])]),
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_until_healthy(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise VllmFailed(f"vLLM ended with exit code {server.returncode}:\n{log.read_text(errors='replace')[-4000:]}")
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise VllmFailed(f"vLLM was not ready after {START_SECONDS:g} s:\n{log.read_text(errors='replace')[-4000:]}")


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and its children: they are a process group of their own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
        except ProcessLookupError:
            break
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            continue
    server.wait()
