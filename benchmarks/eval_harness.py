"""Steps a second of `deftly eval` itself, with a model that costs nothing, at 1080p; and how much faster it is than asking one at a time.

python benchmarks/eval_harness.py [--steps 600] [--model-seconds 0.05] [--json]

Three figures in one run, on pictures of windows full of text, 1920x1080 px, half a megabyte or more each, and five of them in each request
as for UI-TARS: the harness alone; and with a model that takes `--model-seconds` for each answer, however many it is asked at once, as a
server with room does: one request at a time, and 16 in flight.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actions.geometry import Size
from agent.png import encode
from evaluation.pictures import Picture
from evaluation.run_folder import RunFolder
from evaluation.runner import Runner
from evaluation.steps import Act, EvalStep, Place, Wanted
from evaluation.vocabularies.agentnet import AGENTNET
from inference.engines.base import ChatRequest
from inference.engines.scripted import ScriptedEngine
from inference.families import load_family

SCREEN = Size(1920, 1080)
EPISODE_STEPS = 12
PICTURES = 48


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--model-seconds", type=float, default=0.05)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        steps = made_up(options.steps, Path(root))
        some = steps[: max(EPISODE_STEPS, options.steps // 6)]
        alone = rate(steps, Path(root) / "alone", seconds=0.0, concurrency=2)
        serial = rate(some, Path(root) / "serial", seconds=options.model_seconds, concurrency=1)
        full = rate(steps, Path(root) / "full", seconds=options.model_seconds, concurrency=16)
    told = {
        "harness_steps_per_second": round(alone, 1),
        "serial_steps_per_second": round(serial, 1),
        "in_flight_16_steps_per_second": round(full, 1),
        "ratio": round(full / serial, 2),
    }
    print(json.dumps(told) if options.json else "\n".join(f"{name:<32} {value}" for name, value in told.items()))


def made_up(count: int, root: Path) -> list[EvalStep]:
    """Steps with a click each, on a few pictures of noise."""
    pictures = [root / f"{number}.png" for number in range(min(count, PICTURES))]
    for number, file in enumerate(pictures):
        file.write_bytes(encode(window_of_text(number)))
    steps: list[EvalStep] = []
    for number in range(count):
        index = number % EPISODE_STEPS
        steps.append(
            EvalStep(
                episode=f"e{number // EPISODE_STEPS}",
                step=index,
                index=index,
                task="open the settings",
                options=((Wanted(act=Act(type="click", place=Place(0.5, 0.5))),),),
                picture=Picture.from_file(pictures[number % len(pictures)]),
                thought="The settings are at the lower left.",
                history=tuple(steps[number - index : number]),
            )
        )
    return steps


def window_of_text(seed: int) -> npt.NDArray[np.uint8]:
    """A screen `[H, W, 3]` with lines of letters from edge to edge over a gradient."""
    import cv2

    rng = np.random.default_rng(seed)
    ramp = np.linspace(200, 250, SCREEN.width, dtype=np.float64)[None, :, None]
    rgb = np.broadcast_to(ramp, (SCREEN.height, SCREEN.width, 3)).astype(np.uint8).copy()
    for y in range(20, SCREEN.height, 18):
        line = "".join(chr(code) for code in rng.integers(33, 126, 150))
        cv2.putText(rgb, line, (8, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (30, 30, 30), 1, cv2.LINE_AA)
    return rgb


def rate(steps: list[EvalStep], folder: Path, *, seconds: float, concurrency: int) -> float:
    """Steps a second of a whole run, every picture of every request read as a remote engine reads it."""

    def reply(request: ChatRequest) -> str:
        for message in request.messages:
            for part in message.content:
                if not isinstance(part, str):
                    assert part.png
        time.sleep(seconds)
        return "Thought: Click it.\nAction: click(point='<point>960 540</point>')"

    family = load_family("uitars-1.5")
    runner = Runner(
        engine=ScriptedEngine(reply),
        family=family,
        vocabulary=AGENTNET,
        folder=RunFolder(folder),
        context="teacher",
        concurrency=concurrency,
    )
    started = time.perf_counter()
    runner.run(steps)
    return len(steps) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
