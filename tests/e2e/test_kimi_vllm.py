"""vLLM's own Kimi-VL reads the folder that we write, and answers it token for token as our modules do.

Skipped unless an environment with vLLM is found; see `docs/engines.md` for how to make one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.engines.openai import OpenAIEngine
from inference.engines.transformers import TransformersEngine
from tests.e2e.vllm_server import find_vllm, serving_vllm
from tests.inference.chats import ask, user
from tests.inference.models.tiny_kimi import VLLM_SITE, VLLM_SIZES, build_tiny
from tests.inference.picture import Picture

OPTIONS = (
    *("--dtype", "float32", "--enforce-eager", "--max-model-len", "1024", "--max-num-batched-tokens", "1024", "--block-size", "16"),
    *("--limit-mm-per-prompt", '{"image": 2}', "--trust-remote-code", "--generation-config", "vllm"),
)
PICTURES = (Picture.drawn(100, 70, 1), Picture.drawn(300, 200, 2))
CHATS = {
    "text only": user("click on the thing"),
    "one picture": user(PICTURES[0], "click on the thing"),
    "two pictures, one shrunk": user("Compare", *PICTURES, "now"),
}
pytestmark = pytest.mark.timeout(1200)  # a busy machine needs minutes to start vLLM


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("models") / "tiny-kimi", **VLLM_SIZES)


@pytest.fixture(scope="module")
def base_url(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    python = find_vllm()
    if python is None:
        pytest.skip("no vLLM: set DEFTLY_VLLM_PYTHON to the python of an environment that has it, or make .venv-vllm")
    with serving_vllm(python, model, tmp_path_factory.mktemp("vllm"), *OPTIONS, site=VLLM_SITE) as url:
        yield url


def test_greedy_answers_of_vllm_equal_ours_token_for_token(base_url: str, model: Path) -> None:
    theirs, ours = OpenAIEngine(base_url=base_url), TransformersEngine(model, device="cpu")
    for name, message in CHATS.items():
        request = ask(message, max_tokens=12)
        got, wanted = theirs.chat(request), ours.chat(request)
        assert got.num_prompt_tokens == wanted.num_prompt_tokens, name
        assert (got.text, got.num_completion_tokens) == (wanted.text, wanted.num_completion_tokens), name
    theirs.close()
