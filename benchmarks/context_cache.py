"""What a server computes per step of an episode: UI-TARS's sliding window of 5 screenshots against the history that grows in blocks.

    python benchmarks/context_cache.py                              from the token counts of the real families, no server
    python benchmarks/context_cache.py --base-url URL               against a vLLM server of deftly-tiny, by its own counters
    python benchmarks/context_cache.py --serve PYTHON               the same, on a server that is started with the PYTHON of a vLLM

The window is the baseline. At every step the blocks show at least the screenshots that the window shows: this is checked. A server
caches whole blocks of 16 tokens, so a prompt is computed from the first block that no earlier prompt of the episode began with.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from actions.geometry import Point, Size
from actions.space import Click, Prediction
from agent.context import build_messages
from agent.screenshot import Screenshot
from agent.step import Step
from agent.tokens import MESSAGE_TOKENS, image_tokens, text_tokens
from inference.engines.base import ChatRequest, Message
from inference.families import FAMILIES, Family, History, load_family

if TYPE_CHECKING:
    import httpx

SCREENS = (Size(1280, 720), Size(1920, 1080))
CACHE_BLOCK_TOKENS = 16
TASK = "Open the settings, turn on the dark theme for all windows, and tell me which version of the program is installed."
THOUGHT = (
    "The settings window is open now. The next thing to do is to turn on the option in the second row, which is still off, "
    "and then to confirm with the button at the lower right, so that the change is kept."
)
WINDOW = History(images=5, text="responses")
BLOCKS = History(rule="blocks", images=20, keep_images=5, budget_tokens=60_000, text="responses")
RULES = {"window": WINDOW, "blocks": BLOCKS}
SERVER_OPTIONS = (
    *("--dtype", "float32", "--enforce-eager", "--generation-config", "vllm", "--limit-mm-per-prompt", '{"image": 20}'),
    *("--max-model-len", "49152", "--hf-overrides", '{"text_config": {"max_position_embeddings": 49152}}'),
    *("--mm-processor-kwargs", '{"min_pixels": 65536, "max_pixels": 16777216}'),
    *("--max-num-batched-tokens", "4096", "--max-num-seqs", "2", "--enable-prompt-tokens-details"),
)


class Piece(NamedTuple):
    """A part of a prompt: what tells it from others, and how many tokens it takes."""

    key: str
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the steps of an episode cost under one rule: tokens in all prompts and tokens computed, step by step."""

    prompt: tuple[int, ...]
    computed: tuple[int, ...]
    first_token_seconds: tuple[float, ...] = ()
    image_queries: int = 0
    image_hits: int = 0


def main() -> None:
    """Print the figures of both rules side by side, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--base-url", help="measure on the vLLM server there, which serves deftly-tiny")
    parser.add_argument("--serve", type=Path, metavar="PYTHON", help="start that server with this Python, which has vLLM")
    parser.add_argument("--screen", choices=[str(size) for size in SCREENS], help="only screens of this size")
    parser.add_argument("--steps", type=int, default=15, help="length of the episode (default: 15)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    screens = [size for size in SCREENS if options.screen in (None, str(size))]
    if options.serve or options.base_url:
        with _server(options.base_url, options.serve) as base_url:
            rows = [_row("deftly-tiny on vLLM", screen, *measure(base_url, screen, options.steps)) for screen in screens]
    else:
        rows = [_row(family.name, screen, *count(family, screen, options.steps)) for family in _families() for screen in screens]
    print(json.dumps(rows, indent=2) if options.json else _table(rows))


def _families() -> list[Family]:
    """Every real family that shows more than one screenshot, asked in one way, so that only the rule differs."""
    names = [entry.name for entry in FAMILIES.entries()]
    families = [load_family(name) for name in names if name not in ("deftly-tiny", "uitars-1.5-blocks")]
    return [asked_alike(family) for family in families if family.history.images != 1]


def asked_alike(family: Family) -> Family:
    """`family` with its prompt in a message of its own at the beginning, where neither rule moves it."""
    return replace(family, prompt=replace(family.prompt, place="alone", screen="{image}", earlier=None))


def episode(screen: Size, nonce: int, num_steps: int) -> list[Step]:
    """Steps with screens that all differ, as those of a run do."""
    steps = []
    for index in range(num_steps):
        rgb = np.full((screen.height, screen.width, 3), 200, np.uint8)
        rgb[7 * index : 7 * index + 40, : screen.width // 2] = (nonce, index, 80)
        said = Prediction(thought=f"Step {index + 1}. {THOUGHT}", actions=(Click(point=Point(0.5, (index + 1) / (num_steps + 1))),))
        steps.append(Step(index=index, seen=Screenshot.from_rgb(rgb, taken_at=float(index)), prediction=said))
    return steps


def contexts(steps: Sequence[Step], family: Family, task: str) -> Iterator[tuple[Message, ...]]:
    for index, step in enumerate(steps):
        yield build_messages(task, steps[:index], step.seen, family)


# --- from token counts


def count(family: Family, screen: Size, num_steps: int) -> tuple[Told, Told]:
    """Both rules, by our own count of tokens and the cache of a server that forgets nothing."""
    steps = episode(screen, 1, num_steps)
    shown = {name: list(contexts(steps, replace(family, history=rule), TASK)) for name, rule in RULES.items()}
    _check_equal_history(shown["window"], shown["blocks"])
    window, blocks = (_count([_pieces(messages, family) for messages in shown[name]]) for name in RULES)
    return window, blocks


def _count(prompts: Sequence[Sequence[Piece]]) -> Told:
    computed = []
    for number, prompt in enumerate(prompts):
        cached = max((_common(prompt, earlier) for earlier in prompts[:number]), default=0)
        computed.append(sum(piece.tokens for piece in prompt) - cached)
    return Told(prompt=tuple(sum(piece.tokens for piece in prompt) for prompt in prompts), computed=tuple(computed))


def _common(prompt: Sequence[Piece], earlier: Sequence[Piece]) -> int:
    """Tokens in the whole cache blocks with which both begin."""
    same = 0
    for one, other in zip(prompt, earlier, strict=False):
        if one != other:
            break
        same += one.tokens
    return same // CACHE_BLOCK_TOKENS * CACHE_BLOCK_TOKENS


def _pieces(messages: Sequence[Message], family: Family) -> list[Piece]:
    pieces = []
    for message in messages:
        pieces.append(Piece(message.role, 0))
        for part in message.content:
            if isinstance(part, str):
                pieces.append(Piece(part, text_tokens(part)))
            else:
                height, width = part.rgb.shape[:2]
                pieces.append(Piece(part.sha256, image_tokens(Size(width, height), family.image) + MESSAGE_TOKENS))
    return pieces


def _check_equal_history(window: Sequence[Sequence[Message]], blocks: Sequence[Sequence[Message]]) -> None:
    for narrow, wide in zip(window, blocks, strict=True):
        missing = {id(part) for part in _pictures(narrow)} - {id(part) for part in _pictures(wide)}
        assert not missing, "the blocks must show what the window shows"


def _pictures(messages: Sequence[Message]) -> list[object]:
    return [part for message in messages for part in message.content if not isinstance(part, str)]


# --- on a real server


@contextmanager
def _server(base_url: str | None, python: Path | None) -> Iterator[str]:
    if base_url:
        yield base_url
        return
    from inference.models import bundled_model
    from tests.e2e.vllm_server import serving_vllm

    assert python is not None
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that the server does not outlive us
    with tempfile.TemporaryDirectory() as folder, serving_vllm(python, bundled_model(), Path(folder), *SERVER_OPTIONS) as url:
        yield url


def measure(base_url: str, screen: Size, num_steps: int) -> tuple[Told, Told]:
    """Both rules on the server at `base_url`, by its own counters; each has screens and a prompt of its own: neither warms the other."""
    from inference.engines.openai import OpenAIEngine

    family = asked_alike(load_family("deftly-tiny"))
    engine = OpenAIEngine(base_url=base_url)
    told = []
    for number, (name, rule) in enumerate([("warm-up", BLOCKS), *RULES.items()]):
        ruled = replace(family, history=rule, prompt=replace(family.prompt, system=f"You are agent {name} {screen}.", user="Task: {task}"))
        prompts = list(contexts(episode(screen, 10 + number, num_steps), ruled, TASK))
        told.append(_ask_through(engine, base_url, prompts[:2] if name == "warm-up" else prompts))
    engine.close()
    return told[1], told[2]


def _ask_through(engine: object, base_url: str, prompts: Sequence[tuple[Message, ...]]) -> Told:
    from inference.engines.openai import OpenAIEngine

    assert isinstance(engine, OpenAIEngine)
    start = before = _counters(base_url)
    prompt, computed, seconds = [], [], []
    for messages in prompts:
        reply = engine.chat(ChatRequest(messages=messages, max_tokens=2))
        after = _counters(base_url)
        queries, hits = (after[name] - before[name] for name in ("prefix_cache_queries", "prefix_cache_hits"))
        prompt.append(int(queries))
        computed.append(int(queries - hits))
        seconds.append(reply.first_token_seconds or 0.0)
        before = after
    images = [int(before[name] - start[name]) for name in ("mm_cache_queries", "mm_cache_hits")]
    return Told(
        prompt=tuple(prompt), computed=tuple(computed), first_token_seconds=tuple(seconds), image_queries=images[0], image_hits=images[1]
    )


def _counters(base_url: str) -> dict[str, float]:
    """vLLM's counters by name, over all engines, from `/metrics`."""
    import httpx

    parts = urlsplit(base_url)
    response: httpx.Response = httpx.get(f"{parts.scheme}://{parts.netloc}/metrics", trust_env=False, timeout=60)
    counters: dict[str, float] = {}
    for line in response.raise_for_status().text.splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("vllm:") and "_total{" in name:
            short = name[len("vllm:") : name.index("_total{")]
            counters[short] = counters.get(short, 0.0) + float(value)
    return counters


# --- the table


def _row(name: str, screen: Size, window: Told, blocks: Told) -> dict[str, object]:
    row: dict[str, object] = {
        "family": name,
        "screen": str(screen),
        "window_prompt_tokens": sum(window.prompt),
        "blocks_prompt_tokens": sum(blocks.prompt),
        "window_computed_per_step": round(sum(window.computed) / len(window.computed)),
        "blocks_computed_per_step": round(sum(blocks.computed) / len(window.computed)),
        "ratio": round(sum(window.computed) / sum(blocks.computed), 2),
    }
    if window.first_token_seconds:
        row |= {
            "window_first_token_ms": round(1000 * statistics.median(window.first_token_seconds)),
            "blocks_first_token_ms": round(1000 * statistics.median(blocks.first_token_seconds)),
            "first_token_ratio": round(sum(window.first_token_seconds) / sum(blocks.first_token_seconds), 2),
            "window_image_cache": f"{window.image_hits}/{window.image_queries}",
            "blocks_image_cache": f"{blocks.image_hits}/{blocks.image_queries}",
            "window_steps": list(window.computed),
            "blocks_steps": list(blocks.computed),
        }
    return row


def _table(rows: Sequence[dict[str, object]]) -> str:
    """The rows as text; what is a list is given only in JSON."""
    names = [name for name, value in rows[0].items() if not isinstance(value, list)]
    cells = [[name.replace("_", " ") for name in names], *([str(row[name]) for name in names] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)


if __name__ == "__main__":
    main()
