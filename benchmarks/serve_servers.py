"""Servers under load: `deftly serve`, and vLLM alone with the same command line."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from server.backends.vllm_command import VllmOrder, vllm_command

START_SECONDS = 600


class Server(NamedTuple):
    """Where it answers, and the process that was started; its own children come on top."""

    url: str
    pid: int

    def processor_seconds(self) -> float:
        """What that process alone has used of the processor, in the system's own ticks."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def ours(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "deftly", "serve", "--port", "0", "--json", "--max-num-seqs", "32", *arguments]


def plain(order: VllmOrder, port: int) -> list[str]:
    """vLLM alone, by the very command that `deftly serve` starts it with, but at a port of its own."""
    command = [*vllm_command(order, Path("socket")), "--host", "127.0.0.1", "--port", str(port)]
    at = command.index("--uds")
    return command[:at] + command[at + 2 :]


@contextmanager
def running(command: list[str], log: Path, url: str | None = None, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server until the block ends; `url` where it does not print its own. `environment` comes on top of this process's."""
    with log.open("w") as err:
        process = subprocess.Popen(
            command, env=base_environment() | dict(environment or {}), stdout=err if url else subprocess.PIPE, stderr=err, text=True
        )
    try:
        if url is None:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit(log.read_text()[-3000:])
            yield Server(json.loads(line)["url"], process.pid)
        else:
            wait_until_healthy(process, url, log)
            yield Server(url, process.pid)
    finally:
        process.terminate()
        process.wait()


def wait_until_healthy(process: subprocess.Popen[str], url: str, log: Path) -> None:
    import httpx

    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise SystemExit(f"the server did not come up:\n{log.read_text()[-3000:]}")


def base_environment() -> dict[str, str]:
    """This process's environment, with a cache of 1 GiB unless it says otherwise."""
    return {"VLLM_CPU_KVCACHE_SPACE": "1", **os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
