"""vLLM with our attention says what it says with its own, and our counts prove that ours ran; a spoiled output is noticed.

In float32, where greedy tokens are a sound test: between the two most likely tokens of these prompts lies more than rounding. A server is
asked one after another, then all at once, so that prefixes come from its cache; a small batch cuts prompts into chunks. Other types, and
compiled models, are asked in vLLM's own process, which starts sooner.
"""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from inference.engines.base import ChatRequest
from inference.engines.openai import OpenAIEngine
from inference.openai_wire import chat_body
from inference.vllm_plugin.link import link_plugin, plugin_environment
from tests.e2e import vllm_answers
from tests.e2e.vllm_server import find_vllm, serving_vllm, vllm_environment
from tests.inference.chats import CHATS, PICTURES, ask, user
from tests.inference.tiny import build_tiny

NUM_PROMPTS, NUM_TOKENS = 50, 24
BATCHED_TOKENS = 192  # cuts prompts into chunks
OPTIONS = (
    *("--dtype", "float32", "--enforce-eager", "--max-model-len", "1024", "--limit-mm-per-prompt", '{"image": 4}'),
    *("--generation-config", "vllm", "--max-num-batched-tokens", str(BATCHED_TOKENS), "--attention-backend", "CUSTOM"),
)
WORDS = ("button", "list", "window", "menu", "field", "picture", "slider", "tab", "link", "page")
pytestmark = pytest.mark.timeout(2400)  # three starts of vLLM, minutes each on a busy machine
Answers = dict[str, dict[str, Any]]


def prompts() -> list[ChatRequest]:
    """The chats of the other tests, and more of them with one to three pictures: 50."""
    chats = list(CHATS.values())
    for number in range(NUM_PROMPTS - len(chats)):
        pictures = [PICTURES[(number + place) % len(PICTURES)] for place in range(1 + number % 3)]
        chats.append((user(f"Step {number}:", *pictures, f"Click the {WORDS[number % len(WORDS)]} number {number * 7}."),))
    return [ask(*chat, max_tokens=NUM_TOKENS) for chat in chats]


@pytest.fixture(scope="module")
def python() -> Path:
    found = find_vllm()
    if found is None:
        pytest.skip("no vLLM: set DEFTLY_VLLM_PYTHON to the python of an environment that has it, or make .venv-vllm")
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("models") / "tiny-vlm")


@pytest.fixture(scope="module")
def with_ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = link_plugin(tmp_path_factory.mktemp("plugin") / "site")
    return {name: value for name, value in plugin_environment(os.environ, folder).items() if os.environ.get(name) != value}


@pytest.fixture(scope="module")
def stock(python: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What vLLM says with its own kernels, where ours count nothing."""
    engines = [_engine("float32"), _engine("bfloat16")]
    said = _answers(python, model, tmp_path_factory.mktemp("stock"), {}, engines)
    assert all(answers["counts"] == {} for answers in said.values())
    assert sum(len(set(text)) > 5 for text in said["float32"]["texts"]) > NUM_PROMPTS // 2, "a model that repeats one token proves nothing"
    return said


@pytest.fixture(scope="module")
def ours(python: Path, model: Path, tmp_path_factory: pytest.TempPathFactory, with_ours: dict[str, str]) -> Answers:
    engines = [_engine("float32", compiled=True), _engine("bfloat16"), _engine("float32", spoiled=0.5)]
    return _answers(python, model, tmp_path_factory.mktemp("ours"), with_ours, engines)


def test_greedy_answers_of_a_server_are_those_of_vllms_own_kernels(
    python: Path, model: Path, tmp_path: Path, with_ours: dict[str, str], stock: Answers
) -> None:
    expected = stock["float32"]["texts"]
    with serving_vllm(python, model, tmp_path, *OPTIONS, environment=with_ours) as url:
        assert one_after_another(url) == expected
        first = counts(url)
        assert all_at_once(url) == expected  # prefixes from the cache, and batches of prompts and single tokens
        second = counts(url)
    assert first["deftly_attention_layers_total"] > 0
    for name in ("decoder_calls", "decoder_tokens"):
        assert 0 < first[f"deftly_attention_{name}_total"] < second[f"deftly_attention_{name}_total"]
    assert first["deftly_attention_vision_calls_total"] > 0
    assert first["deftly_attention_vision_tokens_total"] > 0


def test_greedy_answers_of_a_compiled_model_are_those_of_vllms_own_kernels(stock: Answers, ours: Answers) -> None:
    assert ours["float32 compiled"]["compilation"] > 0
    assert stock["float32"]["compilation"] == 0
    assert ours["float32 compiled"]["tokens"] == stock["float32"]["tokens"]
    assert min(ours["float32 compiled"]["counts"].values()) > 0


def test_in_bfloat16_log_probabilities_err_no_more_than_with_vllms_own_kernels(stock: Answers, ours: Answers) -> None:
    """Up to the first token at which two answers part; after it they answer different texts."""
    exact, theirs, mine = stock["float32"], stock["bfloat16"], ours["bfloat16"]
    assert min(mine["counts"].values()) > 0
    assert _apart(theirs, mine).mean() < 2 * _apart(exact, theirs).mean()
    assert _apart(exact, mine).mean() < 1.25 * _apart(exact, theirs).mean()
    assert _apart(theirs, mine).max() < 2 * _apart(exact, theirs).max()
    assert len(_apart(theirs, mine)) > NUM_PROMPTS * NUM_TOKENS // 2, "answers that part at once prove nothing"


def test_a_wrong_attention_would_be_noticed(stock: Answers, ours: Answers) -> None:
    said = zip(ours["float32 spoiled"]["tokens"], stock["float32"]["tokens"], strict=True)
    assert sum(one != other for one, other in said) > NUM_PROMPTS // 2


def _engine(dtype: str, *, compiled: bool = False, spoiled: float | None = None) -> dict[str, Any]:
    name = dtype + " compiled" * compiled + " spoiled" * (spoiled is not None)
    options = {"dtype": dtype, "enforce_eager": not compiled, "max_num_batched_tokens": BATCHED_TOKENS}
    return {"name": name, "options": options, "spoiled": spoiled}


def _answers(python: Path, model: Path, folder: Path, environment: dict[str, str], engines: list[dict[str, Any]]) -> Answers:
    """What each engine answers to all prompts; see `vllm_answers`."""
    messages = [chat_body(request, model.name)["messages"] for request in prompts()]
    asked, given = folder / "asked.json", folder / "given.json"
    asked.write_text(json.dumps({"model": str(model), "messages": messages, "max_tokens": NUM_TOKENS, "engines": engines}))
    within = vllm_environment(folder, {**environment, "VLLM_ENABLE_V1_MULTIPROCESSING": "0"})
    command = [str(python), str(Path(vllm_answers.__file__)), str(asked), str(given)]
    done = subprocess.run(command, env=within, capture_output=True, text=True, timeout=2000, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    told: Answers = json.loads(given.read_text())
    return told


def _apart(one: dict[str, Any], other: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How far the log-probabilities of the same tokens are apart, in all answers up to their first split."""
    differences: list[float] = []
    for ids, others, scores, other_scores in zip(
        one["tokens"], other["tokens"], one["log_probabilities"], other["log_probabilities"], strict=True
    ):
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ids, others, strict=False)))
        differences += [abs(a - b) for a, b in zip(scores[:alike], other_scores[:alike], strict=True)]
    return np.array(differences)


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
