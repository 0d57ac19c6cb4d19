"""vLLM with our attention says what it says with its own, and our counts prove that ours ran; a spoiled output is noticed.

In float32, where greedy tokens are a sound test: between the two most likely tokens of these prompts lies more than rounding. A server is
asked one after another, then all at once, so that prefixes come from its cache; a small batch cuts prompts into chunks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpx
import pytest

from inference.engines.base import ChatRequest
from inference.engines.openai import OpenAIEngine
from inference.vllm_plugin.link import link_plugin, plugin_environment
from tests.e2e.vllm_server import find_vllm, serving_vllm
from tests.inference.chats import CHATS, PICTURES, ask, user
from tests.inference.tiny import build_tiny

NUM_PROMPTS = 50
OPTIONS = (
    *("--dtype", "float32", "--enforce-eager", "--max-model-len", "1024", "--limit-mm-per-prompt", '{"image": 4}'),
    *("--generation-config", "vllm", "--max-num-batched-tokens", "192", "--attention-backend", "CUSTOM"),
)
WORDS = ("button", "list", "window", "menu", "field", "picture", "slider", "tab", "link", "page")
pytestmark = pytest.mark.timeout(2400)  # three starts of vLLM, minutes each on a busy machine


def prompts() -> list[ChatRequest]:
    """The chats of the other tests, and more of them with one to three pictures: 50."""
    chats = list(CHATS.values())
    for number in range(NUM_PROMPTS - len(chats)):
        pictures = [PICTURES[(number + place) % len(PICTURES)] for place in range(1 + number % 3)]
        chats.append((user(f"Step {number}:", *pictures, f"Click the {WORDS[number % len(WORDS)]} number {number * 7}."),))
    return [ask(*chat, max_tokens=24) for chat in chats]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., object]:
    python = find_vllm()
    if python is None:
        pytest.skip("no vLLM: set DEFTLY_VLLM_PYTHON to the python of an environment that has it, or make .venv-vllm")
    model = build_tiny(tmp_path_factory.mktemp("models") / "tiny-vlm")

    @contextmanager
    def server(name: str, environment: dict[str, str]) -> Iterator[str]:
        options = OPTIONS if environment else OPTIONS[:-2]
        with serving_vllm(python, model, tmp_path_factory.mktemp(name), *options, environment=environment) as url:
            yield url

    return server


@pytest.fixture(scope="module")
def with_ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = link_plugin(tmp_path_factory.mktemp("plugin") / "site")
    return {name: value for name, value in plugin_environment(os.environ, folder).items() if os.environ.get(name) != value}


@pytest.fixture(scope="module")
def stock(start: Callable[..., object]) -> list[str]:
    """What vLLM says with its own kernels; and it shows no counts of ours."""
    with start("stock", {}) as url:  # type: ignore[attr-defined]
        said = one_after_another(url)
        assert counts(url) == {}
    assert sum(len(set(text)) > 5 for text in said) > NUM_PROMPTS // 2, "a model that repeats one token proves nothing"
    return said


def test_greedy_answers_are_those_of_vllms_own_kernels(start: Callable[..., object], with_ours: dict[str, str], stock: list[str]) -> None:
    with start("ours", with_ours) as url:  # type: ignore[attr-defined]
        assert one_after_another(url) == stock
        first = counts(url)
        assert all_at_once(url) == stock  # prefixes from the cache, and batches of prompts and single tokens
        second = counts(url)
    assert first["deftly_attention_layers_total"] > 0
    for name in ("decoder_calls", "decoder_tokens"):
        assert 0 < first[f"deftly_attention_{name}_total"] < second[f"deftly_attention_{name}_total"]
    assert first["deftly_attention_vision_calls_total"] > 0
    assert first["deftly_attention_vision_tokens_total"] > 0


def test_a_wrong_attention_would_be_noticed(start: Callable[..., object], with_ours: dict[str, str], stock: list[str]) -> None:
    with start("spoiled", {**with_ours, "DEFTLY_TEST_SPOILED_ATTENTION": "0.5"}) as url:  # type: ignore[attr-defined]
        said = one_after_another(url)
    assert sum(one != other for one, other in zip(said, stock, strict=True)) > NUM_PROMPTS // 2


def one_after_another(url: str) -> list[str]:
    with closing(OpenAIEngine(base_url=url)) as engine:
        return [engine.chat(request).text for request in prompts()]


def all_at_once(url: str) -> list[str]:
    with closing(OpenAIEngine(base_url=url)) as engine, ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda request: engine.chat(request).text, prompts()))


def counts(url: str) -> dict[str, float]:
    lines = httpx.get(url.removesuffix("/v1") + "/metrics", trust_env=False).text.splitlines()
    ours = [line.split() for line in lines if line.startswith("deftly_attention_")]
    return {name: float(value) for name, value in ours}
