"""Steps a second of `deftly eval` on a real vLLM server, beside the obvious serial loop that asks one step after the other.

python -m benchmarks.eval_throughput [--steps 48] [--concurrency 8] [--rounds 6] [--copies 1] [--python PATH] [--base-url URL] [--json]

The server runs the bundled model on this machine's processor, from the environment that `make setup-vllm` makes (or DEFTLY_VLLM_PYTHON),
with the variables that `deftly serve` gives it, or is the one at `--base-url`. Both ways ask the same server the same questions, about the
same recorded screens, with the same messages; the serial loop is three lines over the openai package's client, on one connection that is
kept. `--copies 2` is `deftly serve --data-parallel-size 2`: two copies, on two cores a thread each. Rounds take turns, and each
has pictures of its own, so that neither finds the other's work in the server's cache.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from actions.geometry import Size
from agent.png import encode
from benchmarks.serve_servers import base_environment, free_port, plain, running
from evaluation.asking import make_request, recorded_history
from evaluation.pictures import Picture
from evaluation.run_folder import RunFolder
from evaluation.runner import Runner
from evaluation.steps import Act, EvalStep, Place, Wanted
from evaluation.vocabularies.agentnet import AGENTNET
from inference.engines.openai import OpenAIEngine
from inference.families import Family, load_family
from inference.models import bundled_model
from inference.openai_wire import chat_body
from server.backends.vllm_command import Parallelism, VllmOrder, find_vllm_python
from server.backends.vllm_environment import vllm_environment

SCREEN = Size(320, 320)
EPISODE_STEPS = 4
SERVER = ("--enforce-eager", "--dtype", "float32", "--max-model-len", "1024", "--generation-config", "vllm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=48, help="of each way in each round")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--copies", type=int, default=1, help="of the model in the server, which both ways ask")
    parser.add_argument("--as-it-comes", action="store_true", help="vLLM without the environment that `deftly serve` gives it")
    parser.add_argument("--python", type=Path, help="of an environment with vLLM")
    parser.add_argument("--base-url", metavar="URL", help="of a server that runs already")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # else the server would be left behind
    with tempfile.TemporaryDirectory() as scratch, server(options, Path(scratch)) as url:
        told = measure(url, options.steps, options.concurrency, options.rounds, Path(scratch))
    print(json.dumps(told) if options.json else "\n".join(f"{name:<32} {value}" for name, value in told.items()))


@contextmanager
def server(options: argparse.Namespace, scratch: Path) -> Iterator[str]:
    """The base URL of a server with the bundled model, started as `deftly serve` starts it, but reached without our proxy."""
    if options.base_url:
        yield options.base_url
        return
    order = VllmOrder(
        python=find_vllm_python(options.python),
        model=str(bundled_model()),
        name="deftly_tiny",
        family=load_family("deftly-tiny"),
        max_images=1,
        parallelism=Parallelism(data=options.copies),
        further=SERVER,
    )
    environment = {} if options.as_it_comes else vllm_environment(base_environment(), order)
    port = free_port()
    with running(plain(order, port), scratch / "vllm.log", f"http://127.0.0.1:{port}", environment) as started:
        yield f"{started.url}/v1"


def measure(url: str, count: int, concurrency: int, rounds: int, scratch: Path) -> dict[str, object]:
    """Both ways in turns, after a few questions that nobody counts."""
    family = load_family("deftly-tiny")
    full(made_up(concurrency * 2, 99, scratch), url, family, concurrency, scratch / "warm")
    serial_rates, full_rates = [], []
    for number in range(rounds):
        serial_rates.append(serial(made_up(count, 2 * number, scratch), url, family))
        full_rates.append(full(made_up(count, 2 * number + 1, scratch), url, family, concurrency, scratch / f"run{number}"))
    ratios = [fast / slow for slow, fast in zip(serial_rates, full_rates, strict=True)]
    return {
        "steps": count,
        "in_flight": concurrency,
        "serial_steps_per_second": round(statistics.median(serial_rates), 2),
        "steps_per_second": round(statistics.median(full_rates), 2),
        "ratio": round(statistics.median(ratios), 2),
        "rounds": [round(ratio, 2) for ratio in ratios],
    }


def serial(steps: Sequence[EvalStep], url: str, family: Family) -> float:
    """One after the other."""
    from openai import OpenAI

    client = OpenAI(base_url=url, api_key="none")
    model = client.models.list().data[0].id
    started = time.perf_counter()
    for step in steps:
        request = make_request(step, recorded_history(step, AGENTNET, family), family)
        messages = chat_body(request, model)["messages"]
        client.chat.completions.create(model=model, messages=messages, max_tokens=request.max_tokens, temperature=0)
    return len(steps) / (time.perf_counter() - started)


def full(steps: Sequence[EvalStep], url: str, family: Family, concurrency: int, folder: Path) -> float:
    """As `deftly eval` asks, every answer kept on disk."""
    engine = OpenAIEngine(base_url=url)
    runner = Runner(engine=engine, family=family, vocabulary=AGENTNET, folder=RunFolder(folder), concurrency=concurrency)
    started = time.perf_counter()
    failed = runner.run(steps)
    seconds = time.perf_counter() - started
    engine.close()
    assert failed == 0
    return len(steps) / seconds


def made_up(count: int, seed: int, scratch: Path) -> list[EvalStep]:
    """Steps on pictures of their own: buttons with words on them."""
    import cv2

    rng, steps = np.random.default_rng(seed), list[EvalStep]()
    for number in range(count):
        rgb = np.full((SCREEN.height, SCREEN.width, 3), 255, np.uint8)
        for word in ("Yes", "no", "submit", "Cancel", "OK"):
            x, y = (int(place) for place in rng.integers(10, 230, 2))
            cv2.rectangle(rgb, (x, y), (x + 80, y + 36), (200, 200, 200), -1)
            cv2.putText(rgb, word, (x + 8, y + 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)
        file = scratch / f"{seed}-{number}.png"
        file.write_bytes(encode(rgb))
        index = number % EPISODE_STEPS
        steps.append(
            EvalStep(
                episode=f"e{number // EPISODE_STEPS}",
                step=index,
                index=index,
                task='Click on the "submit" button.',
                options=((Wanted(act=Act(type="click", place=Place(0.5, 0.5))),),),
                picture=Picture.from_file(file),
                thought="Click submit.",
                history=tuple(steps[number - index : number]),
            )
        )
    return steps


if __name__ == "__main__":
    main()
