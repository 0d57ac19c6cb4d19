"""Load on a server: throughput and time to first token, ours beside its baseline, in one run.

python benchmarks/serve_load.py vllm      ours in front of vLLM, beside plain vLLM with the same flags, at 1, 8 and 32 clients
python benchmarks/serve_load.py embedded  the embedded engine at 8 clients, beside the same server at one

Every request shows a new 320x320 screen and is answered greedily in `--tokens` tokens at most; all are streamed. Servers run one
after the other's round in turn, so that a busy moment of the machine hits both.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from PIL import Image

from inference.families import load_family
from inference.models import bundled_model

NAME = "deftly_tiny"
VLLM_FLAGS = ("--dtype", "float32", "--max-model-len", "2048", "--enforce-eager", "--max-num-seqs", "32")
START_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one round of load gave."""

    requests_per_second: float
    tokens_per_second: float
    first_token_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=("vllm", "embedded"))
    parser.add_argument("--clients", default=None, help="numbers of clients, joined by commas (default: 1,8,32 for vllm; 8 for embedded)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=32, help="requests a round")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    clients = [int(number) for number in (options.clients or ("1,8,32" if options.what == "vllm" else "8")).split(",")]
    measure = vllm_figures if options.what == "vllm" else embedded_figures
    figures = measure(clients, options)
    print(json.dumps(figures) if options.json else "\n".join(f"{key:38}{value}" for key, value in figures.items()))


def vllm_figures(clients: list[int], options: argparse.Namespace) -> dict[str, Any]:
    """Ratios of ours to plain vLLM's, the median over rounds, and the difference in time to first token."""
    from server.backends.vllm_command import VllmOrder, find_vllm_python, vllm_command

    order = VllmOrder(
        python=find_vllm_python(),
        model=str(bundled_model()),
        name=NAME,
        family=load_family("deftly-tiny"),
        max_images=32,
        further=VLLM_FLAGS,
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        plain = [*vllm_command(order, folder / "unused"), "--host", "127.0.0.1", "--port", str(port)]
        at = plain.index("--uds")
        del plain[at : at + 2]
        urls = {
            "deftly": stack.enter_context(running(ours("--engine", "vllm", "--", *VLLM_FLAGS), folder / "ours.log")),
            "vllm": stack.enter_context(running(plain, folder / "plain.log", f"http://127.0.0.1:{port}")),
        }
        rounds = {
            number: [{who: load(url, number, options) for who, url in turn(urls, r)} for r in range(options.rounds + 1)][1:]
            for number in clients
        }
    figures: dict[str, Any] = {}
    for number, all_ in rounds.items():
        figures[f"{number} clients: throughput ratio"] = median(
            r["deftly"].requests_per_second / r["vllm"].requests_per_second for r in all_
        )
        figures[f"{number} clients: requests/s"] = {who: median(r[who].requests_per_second for r in all_) for who in urls}
        figures[f"{number} clients: first token, ms"] = {who: median(r[who].first_token_ms for r in all_) for who in urls}
    return figures


def embedded_figures(clients: list[int], options: argparse.Namespace) -> dict[str, Any]:
    """Ratios of many clients to one, the median over rounds."""
    with tempfile.TemporaryDirectory() as folder, running(ours("--engine", "embedded"), Path(folder) / "log") as url:
        rounds = [{number: load(url, number, options) for number in (1, *clients)} for _ in range(options.rounds + 1)][1:]
    figures: dict[str, Any] = {"1 client: requests/s": median(r[1].requests_per_second for r in rounds)}
    figures["1 client: tokens/s"] = median(r[1].tokens_per_second for r in rounds)
    for number in clients:
        figures[f"{number} clients: requests/s"] = median(r[number].requests_per_second for r in rounds)
        figures[f"{number} clients: ratio to one"] = median(r[number].requests_per_second / r[1].requests_per_second for r in rounds)
        figures[f"{number} clients: first token, ms"] = median(r[number].first_token_ms for r in rounds)
    return figures


def turn(urls: dict[str, str], number: int) -> list[tuple[str, str]]:
    """Who goes first, in turn."""
    pairs = list(urls.items())
    return pairs if number % 2 else pairs[::-1]


def median(values: Iterator[float]) -> float:
    return round(statistics.median(values), 3)


seeds = itertools.count(1)


def load(url: str, clients: int, options: argparse.Namespace) -> Figures:
    """One round: `options.requests` requests by so many clients."""
    bodies = [body(next(seeds), options.tokens) for _ in range(max(options.requests, 2 * clients))]
    return asyncio.run(_load(url, clients, bodies))


async def _load(url: str, clients: int, bodies: list[bytes]) -> Figures:
    waiting, first_tokens, num_tokens = iter(bodies), list[float](), 0

    async def client(session: aiohttp.ClientSession) -> None:
        nonlocal num_tokens
        for told in waiting:
            began = time.perf_counter()
            async with session.post(f"{url}/v1/chat/completions", data=told, headers={"content-type": "application/json"}) as response:
                response.raise_for_status()
                first = True
                async for line in response.content:
                    if line.startswith(b"data: {"):
                        event = json.loads(line[6:])
                        if first and event["choices"] and event["choices"][0]["delta"].get("content"):
                            first_tokens.append(time.perf_counter() - began)
                            first = False
                        if event.get("usage"):
                            num_tokens += event["usage"]["completion_tokens"]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=600)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(client(session) for _ in range(clients)))
        seconds = time.perf_counter() - began
    return Figures(
        requests_per_second=len(bodies) / seconds,
        tokens_per_second=num_tokens / seconds,
        first_token_ms=1000 * statistics.median(first_tokens),
    )


def body(seed: int, tokens: int) -> bytes:
    """A request about a screen that nobody has seen before."""
    boxes = np.random.default_rng(seed).integers(0, 255, (10, 10, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.kron(boxes, np.ones((32, 32, 1), dtype=np.uint8))).save(file, format="PNG")
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()}}
    text = {"type": "text", "text": f"Task: click box {seed}\nDone: nothing\nNext:"}
    messages = [{"role": "system", "content": "16 48 80 112 144 176 208 240 272 304"}, {"role": "user", "content": [picture, text]}]
    asked = {"model": NAME, "messages": messages, "temperature": 0, "max_tokens": tokens, "stream": True}
    return json.dumps(asked | {"stream_options": {"include_usage": True}}).encode()


def ours(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "deftly", "serve", "--port", "0", "--json", "--max-num-seqs", "32", *arguments]


@contextmanager
def running(command: list[str], log: Path, url: str | None = None) -> Iterator[str]:
    """The URL of a server; `url` where it does not print its own."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    environment.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    with log.open("w") as err:
        process = subprocess.Popen(command, env=environment, stdout=err if url else subprocess.PIPE, stderr=err, text=True)
    try:
        if url is None:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit(log.read_text()[-3000:])
            yield json.loads(line)["url"]
        else:
            wait_until_healthy(process, url, log)
            yield url
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


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


if __name__ == "__main__":
    main()
