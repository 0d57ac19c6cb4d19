"""The client engine drives a real vLLM server, and its answers are those of the in-process engine.

Skipped unless an environment with vLLM is found; see `docs/engines.md` for how to make one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.engines.base import EngineError
from inference.engines.openai import OpenAIEngine
from inference.engines.transformers import TransformersEngine
from tests.e2e.vllm_server import find_vllm, serving_vllm
from tests.inference.chats import CHATS, PICTURES, ask, user
from tests.inference.tiny import build_tiny

OPTIONS = (
    *("--dtype", "float32", "--enforce-eager", "--max-model-len", "1024", "--limit-mm-per-prompt", '{"image": 4}'),
    *("--generation-config", "vllm", "--enable-prompt-tokens-details"),
)
pytestmark = pytest.mark.timeout(1200)  # a busy machine needs minutes to start vLLM


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("models") / "tiny-vlm")


@pytest.fixture(scope="module")
def base_url(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    python = find_vllm()
    if python is None:
        pytest.skip("no vLLM: set DEFTLY_VLLM_PYTHON to the python of an environment that has it, or make .venv-vllm")
    with serving_vllm(python, model, tmp_path_factory.mktemp("vllm"), *OPTIONS) as url:
        yield url


@pytest.fixture(scope="module")
def engine(base_url: str) -> Iterator[OpenAIEngine]:
    engine = OpenAIEngine(base_url=base_url)
    yield engine
    engine.close()


def test_greedy_answers_of_vllm_equal_those_of_the_in_process_engine(engine: OpenAIEngine, model: Path) -> None:
    ours = TransformersEngine(model, device="cpu")
    for name, chat in CHATS.items():
        theirs, own = engine.chat(ask(*chat)), ours.chat(ask(*chat))
        assert theirs.text == own.text, name
        assert theirs.finish_reason == own.finish_reason, name
        assert (theirs.num_prompt_tokens, theirs.num_completion_tokens) == (own.num_prompt_tokens, own.num_completion_tokens), name


def test_streamed_pieces_joined_are_the_answer(engine: OpenAIEngine) -> None:
    request = ask(*CHATS["a conversation"])
    pieces = list(engine.stream(request))
    assert len(pieces) > 1
    assert "".join(pieces) == engine.chat(request).text


def test_vllm_reports_what_it_had_read_before(engine: OpenAIEngine) -> None:
    first, again = (engine.chat(ask(user("Remember this", PICTURES[0], PICTURES[1], "."), max_tokens=2)) for _ in range(2))
    assert again.num_cached_tokens > first.num_cached_tokens


def test_a_stop_string_ends_the_answer_as_it_does_in_process(engine: OpenAIEngine, model: Path) -> None:
    whole = engine.chat(ask(*CHATS["text only"])).text
    request = ask(*CHATS["text only"], stop=(whole[4:6],))
    theirs, ours = engine.chat(request), TransformersEngine(model, device="cpu").chat(request)
    assert (theirs.text, theirs.finish_reason) == (ours.text, ours.finish_reason) == (whole[: whole.index(whole[4:6])], "stop")


def test_too_many_pictures_is_an_error_that_names_the_option_of_vllm(engine: OpenAIEngine) -> None:
    with pytest.raises(EngineError, match=r"answered 400: .*--limit-mm-per-prompt"):
        engine.chat(ask(user(*PICTURES, *PICTURES)))


def test_too_long_a_prompt_is_an_error_that_names_the_option_of_vllm(engine: OpenAIEngine) -> None:
    with pytest.raises(EngineError, match=r"answered 400: .*--max-model-len"):
        engine.chat(ask(user("word " * 1000)))


def test_a_model_that_is_not_served_is_an_error(base_url: str) -> None:
    engine = OpenAIEngine("nonesuch", base_url=base_url)
    with pytest.raises(EngineError, match=r"answered 404: .*nonesuch.*: check base_url .* and model"):
        engine.chat(ask(user("x")))
    engine.close()
