"""Load on a server: throughput and time to first token, ours beside its baseline, in one run.

python -m benchmarks.serve_load vllm      ours in front of vLLM, beside plain vLLM with the same flags, at 1, 8 and 32 clients
python -m benchmarks.serve_load embedded  the embedded engine at 8 clients, beside the same server at one

Every request shows a new 320x320 screen and is answered greedily in `--tokens` tokens at most; all are streamed. Rounds are short, and in
each both servers get the very same requests, one after the other and in turns first, so that a busy moment of the machine hits both;
what is compared is compared within a round. `vllm --again` shows how far apart two servers are that do not differ.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from PIL import Image

from benchmarks.serve_servers import Server, base_environment, free_port, ours, plain, running
from inference.families import load_family
from inference.models import bundled_model
from server.backends.vllm_command import VllmOrder, find_vllm_python
from server.backends.vllm_environment import vllm_environment

NAME = "deftly_tiny"
VLLM_FLAGS = ("--dtype", "float32", "--max-model-len", "2048", "--enforce-eager", "--max-num-seqs", "32")


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
    parser.add_argument("--rounds", type=int, help="default: 16 for vllm, 3 for embedded")
    parser.add_argument("--requests", type=int, help="a round, and three a client at least (default: 12 for vllm, 32 for embedded)")
    parser.add_argument("--again", action="store_true", help="plain vLLM beside itself: what the noise is")
    parser.add_argument("--as-it-comes", action="store_true", help="plain vLLM without the environment that `deftly serve` gives it")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.rounds = options.rounds or (16 if options.what == "vllm" else 3)
    options.requests = options.requests or (12 if options.what == "vllm" else 32)
    clients = [int(number) for number in (options.clients or ("1,8,32" if options.what == "vllm" else "8")).split(",")]
    measure = vllm_figures if options.what == "vllm" else embedded_figures
    figures = measure(clients, options)
    print(json.dumps(figures) if options.json else "\n".join(f"{key:38}{value}" for key, value in figures.items()))


def vllm_figures(clients: list[int], options: argparse.Namespace) -> dict[str, Any]:
    """Ours beside plain vLLM (with `--again`, plain vLLM beside itself), paired round by round."""
    order = VllmOrder(
        python=find_vllm_python(),
        model=str(bundled_model()),
        name=NAME,
        family=load_family("deftly-tiny"),
        max_images=32,
        further=VLLM_FLAGS,
    )
    environment = base_environment()
    environment = environment if options.as_it_comes else vllm_environment(environment, order)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))

        def vllm(name: str) -> Server:
            port = free_port()
            return stack.enter_context(running(plain(order, port), folder / name, f"http://127.0.0.1:{port}", environment))

        first = (
            vllm("again") if options.again else stack.enter_context(running(ours("--engine", "vllm", "--", *VLLM_FLAGS), folder / "ours"))
        )
        pair = {("again" if options.again else "deftly"): first, "vllm": vllm("vllm")}
        figures: dict[str, Any] = {}
        for number in clients:
            used = first.processor_seconds()
            rounds = [paired_round(pair, number, r, options) for r in range(options.rounds + 1)]
            used = (first.processor_seconds() - used) / sum(number_of_requests(number, options) for _ in rounds)
            figures |= compared(rounds[1:], number, *pair) | {f"{number} clients: processor of ours, ms": round(1000 * used, 2)}
    return figures


def paired_round(pair: dict[str, Server], clients: int, number: int, options: argparse.Namespace) -> dict[str, Figures]:
    """The very same requests to both, so that both say the same words; who goes first, in turn."""
    bodies = [body(next(seeds), options.tokens) for _ in range(number_of_requests(clients, options))]
    turns = list(pair.items())[:: 1 if number % 2 else -1]
    return {name: load(server.url, clients, bodies) for name, server in turns}


def compared(rounds: list[dict[str, Figures]], clients: int, one: str, other: str) -> dict[str, Any]:
    """The paired ratio and difference of `one` and `other`, with 95 % intervals, and how much of the latter is queueing.

    In a closed loop each client waits `clients / throughput` for an answer (Little's law), so that whoever answers fewer a second shows
    a later first token by that alone, however fast it passes a request on.
    """
    ratios = [r[one].requests_per_second / r[other].requests_per_second for r in rounds]
    later = [r[one].first_token_ms - r[other].first_token_ms for r in rounds]
    queued = [1000 * clients * (1 / r[one].requests_per_second - 1 / r[other].requests_per_second) for r in rounds]
    both = (one, other)
    return {
        f"{clients} clients: throughput ratio": with_interval(ratios, 3),
        f"{clients} clients: first token later, ms": with_interval(later, 1),
        f"{clients} clients: a client's turn longer, ms": with_interval(queued, 1),
        f"{clients} clients: requests/s": {who: median(r[who].requests_per_second for r in rounds) for who in both},
        f"{clients} clients: tokens/s": {who: median(r[who].tokens_per_second for r in rounds) for who in both},
        f"{clients} clients: first token, ms": {who: median(r[who].first_token_ms for r in rounds) for who in both},
    }


def with_interval(values: list[float], digits: int) -> str:
    """The median, and where it lies in 95 of 100 draws of as many rounds."""
    draws = np.random.default_rng(0).choice(values, (10_000, len(values)))
    low, high = np.percentile(np.median(draws, axis=1), (2.5, 97.5))
    return f"{statistics.median(values):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def embedded_figures(clients: list[int], options: argparse.Namespace) -> dict[str, Any]:
    """Ratios of many clients to one, the median over rounds."""
    with tempfile.TemporaryDirectory() as folder, running(ours("--engine", "embedded"), Path(folder) / "log") as server:

        def round_of(number: int) -> Figures:
            return load(server.url, number, [body(next(seeds), options.tokens) for _ in range(number_of_requests(number, options))])

        rounds = [{number: round_of(number) for number in (1, *clients)} for _ in range(options.rounds + 1)][1:]
    figures: dict[str, Any] = {"1 client: requests/s": median(r[1].requests_per_second for r in rounds)}
    figures["1 client: tokens/s"] = median(r[1].tokens_per_second for r in rounds)
    for number in clients:
        figures[f"{number} clients: requests/s"] = median(r[number].requests_per_second for r in rounds)
        figures[f"{number} clients: ratio to one"] = median(r[number].requests_per_second / r[1].requests_per_second for r in rounds)
        figures[f"{number} clients: first token, ms"] = median(r[number].first_token_ms for r in rounds)
    return figures


def median(values: Iterator[float]) -> float:
    return round(statistics.median(values), 3)


seeds = itertools.count(1)


def number_of_requests(clients: int, options: argparse.Namespace) -> int:
    """Of one round: at least so many that a queue is full for most of it."""
    return max(int(options.requests), 3 * clients)


def load(url: str, clients: int, bodies: list[bytes]) -> Figures:
    """One round: these requests by so many clients."""
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


if __name__ == "__main__":
    main()
