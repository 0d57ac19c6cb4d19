"""Minutes of mixed load on a server: answers, streams, actions, clients that vanish, and nonsense; memory must stay flat.

python -m benchmarks.serve_soak [--minutes 10] [--clients 8] [--engine embedded|vllm] [--context-mib 64]

Exits 1 when a good request fails, the server answers 5xx, or its memory in the last tenth of the time exceeds that in the tenth before
half time by more than a twentieth. The embedded engine's cache of contexts is kept small, so that it is full within seconds: with a
large one, a short soak would only see it fill.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

import aiohttp

from benchmarks.serve_load import body
from benchmarks.serve_servers import ours, running

MAX_GROWTH = 1.05
EMBEDDED_FLAGS = ("--engine", "embedded", "--context-mib")
VLLM_FLAGS = ("--engine", "vllm", "--", "--dtype", "float32", "--max-model-len", "2048", "--enforce-eager")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--engine", choices=("embedded", "vllm"), default="embedded")
    parser.add_argument("--context-mib", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        flags = VLLM_FLAGS if options.engine == "vllm" else (*EMBEDDED_FLAGS, str(options.context_mib))
        with running(ours(*flags), Path(folder) / "log") as server:
            counts, memory = asyncio.run(soak(server.url, options.clients, 60 * options.minutes))
        crashed = '"event": "error"' in (Path(folder) / "log").read_text(errors="replace")
    tenth, half = max(1, len(memory) // 10), len(memory) // 2
    settled, last = median(memory[half - tenth : half]), median(memory[-tenth:])
    print(json.dumps({"answers": dict(counts), "memory_mib": memory, "growth": round(last / settled, 3), "errors_in_log": crashed}))
    failed = [kind for kind in counts if kind.startswith("FAILED")]
    return 1 if failed or crashed or last > MAX_GROWTH * settled else 0


async def soak(url: str, clients: int, seconds: float) -> tuple[Counter[str], list[int]]:
    """What the answers were, and the memory of the server and its children in MiB, every few seconds."""
    ends = time.monotonic() + seconds
    counts: Counter[str] = Counter()
    memory: list[int] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=300)) as session:
        tasks = [asyncio.create_task(client(session, url, random.Random(number), ends, counts)) for number in range(clients)]
        while time.monotonic() < ends:
            memory.append(memory_mib())
            await asyncio.sleep(max(2.0, seconds / 60))
        await asyncio.gather(*tasks)
    memory.append(memory_mib())
    return counts, memory


async def client(session: aiohttp.ClientSession, url: str, dice: random.Random, ends: float, counts: Counter[str]) -> None:
    kinds = (stream, whole, act, vanish, nonsense)
    while time.monotonic() < ends:
        kind = dice.choices(kinds, (5, 3, 4, 1, 1))[0]
        try:
            counts[f"{kind.__name__} {await kind(session, url, dice)}"] += 1
        except (aiohttp.ClientError, TimeoutError, AssertionError) as error:
            counts[f"FAILED {kind.__name__} {type(error).__name__}: {error}"] += 1


def ask(dice: random.Random, **changes: object) -> dict[str, object]:
    """A request; every other one shows a screen that was shown before."""
    return {**json.loads(body(dice.randrange(20) if dice.random() < 0.5 else dice.randrange(1 << 30), 32)), **changes}


async def stream(session: aiohttp.ClientSession, url: str, dice: random.Random) -> int:
    async with session.post(f"{url}/v1/chat/completions", json=ask(dice, temperature=dice.choice((0, 1)))) as response:
        assert (await response.read()).endswith(b"data: [DONE]\n\n"), "the stream broke off"
        return response.status


async def whole(session: aiohttp.ClientSession, url: str, dice: random.Random) -> int:
    async with session.post(f"{url}/v1/chat/completions", json=ask(dice, stream=False, stream_options=None)) as response:
        assert (await response.json())["choices"][0]["finish_reason"] in ("stop", "length")
        return response.status


async def act(session: aiohttp.ClientSession, url: str, dice: random.Random) -> int:
    parts = ask(dice)["messages"][1]["content"]  # type: ignore[index]
    steps = [{"thought": "It moved.", "actions": [{"type": "wait", "seconds": 1.0}]}] * dice.randrange(4)
    async with session.post(f"{url}/v1/act", json={"task": "x", "screenshot": parts[0]["image_url"]["url"], "history": steps}) as response:
        assert "actions" in await response.json(), "no actions"
        return response.status


async def vanish(session: aiohttp.ClientSession, url: str, dice: random.Random) -> str:
    async with session.post(f"{url}/v1/chat/completions", json=ask(dice, max_tokens=400)) as response:
        await response.content.readany()
        response.close()
    return "left"


async def nonsense(session: aiohttp.ClientSession, url: str, dice: random.Random) -> int:
    data = dice.choice((b"{", b"[]", json.dumps(ask(dice, messages=[{"role": "user", "content": 7}])).encode(), dice.randbytes(500)))
    async with session.post(f"{url}/v1/chat/completions", data=data, headers={"content-type": "application/json"}) as response:
        assert 400 <= response.status < 500, f"nonsense was answered with {response.status}"
        return response.status


def memory_mib() -> int:
    """Resident memory of all processes below this one."""
    pages, pids = 0, [os.getpid()]
    while pids:
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pids.pop())], capture_output=True, text=True, check=False).stdout.split()
        pids += map(int, listed)
        for pid in listed:
            statm = Path(f"/proc/{pid}/statm")
            pages += int(statm.read_text().split()[1]) if statm.exists() else 0
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


if __name__ == "__main__":
    sys.exit(main())
