"""vLLM serves what we create and what we fine-tune, of every architecture that it has, and answers as our embedded engine does.

Two starts of vLLM for each: minutes, so only `make families` runs it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.computers.miniwob import MiniWob
from inference.engines.base import Message
from inference.engines.openai import OpenAIEngine
from inference.engines.transformers import TransformersEngine
from inference.families.vllm import vllm_arguments
from tests.e2e.families.rows import ROWS, Row
from tests.e2e.families.stages import act, fine_tune, show
from tests.e2e.vllm_server import find_vllm, serving_vllm
from tests.inference.chats import ask, user
from tests.inference.picture import Picture

OPTIONS = ("--enforce-eager", "--max-num-batched-tokens", "1024")


def chats(factor: int) -> dict[str, Message]:
    """With pictures that need no resizing: vLLM resizes by torch, our engine by Pillow, whose levels differ by one here and there."""
    pictures = (Picture.drawn(4 * factor, 3 * factor, 1), Picture.drawn(3 * factor, 2 * factor, 2))
    return {"text only": user("click on the thing"), "one": user(pictures[0], "click"), "two": user("Compare", *pictures, "now")}


pytestmark = [
    pytest.mark.timeout(2400),
    pytest.mark.filterwarnings("ignore:.*TypedStorage is deprecated"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.skipif(not os.environ.get("DEFTLY_FAMILIES_VLLM"), reason="minutes of vLLM: run `make families`"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind)
def test_vllm_serves_it_before_and_after_fine_tuning(row: Row, tmp_path: Path) -> None:
    if find_vllm() is None:
        pytest.skip("no vLLM: run `make setup-vllm`, or set DEFTLY_VLLM_PYTHON to the python of an environment that has it")
    if row.no_vllm:
        pytest.skip(row.no_vllm)
    model = row.build(tmp_path / "model", row.asked, **row.vllm_sizes)
    _answers_alike(row, model, tmp_path / "before")
    with MiniWob() as page:
        show(page, row.asked, tmp_path / "shown")
        losses = fine_tune(model, row.asked, tmp_path / "shown", tmp_path, row.steps)
        assert losses[-1] < losses[0] / 4
        _answers_alike(row, tmp_path / "run" / "model", tmp_path / "after", page)


def _answers_alike(row: Row, model: Path, folder: Path, page: MiniWob | None = None) -> None:
    """Greedy answers are those of our own engine; on `page`, where there is one, the agent does the same by both."""
    python = find_vllm()
    assert python is not None
    folder.mkdir()
    arguments = (*vllm_arguments(row.asked, least_images=2), *row.vllm_options, "--dtype", row.vllm_dtype, *OPTIONS)
    image = row.asked.image
    with serving_vllm(python, model, folder, *arguments, site=row.vllm_site) as url:
        theirs = OpenAIEngine(base_url=url)
        ours = TransformersEngine(model, device="cpu", dtype="float32", min_pixels=image.min_pixels, max_pixels=image.max_pixels)
        for name, chat in chats(image.factor).items():
            got, wanted = theirs.chat(ask(chat, max_tokens=12)), ours.chat(ask(chat, max_tokens=12))
            assert got.num_prompt_tokens == wanted.num_prompt_tokens, name
            assert got.text == wanted.text or row.vllm_dtype != "float32", name
        if page is not None:
            (by_theirs,), (by_ours,) = (act(page, e, row.asked, folder / e.name.replace("/", "-")).steps for e in (theirs, ours))
            assert by_theirs.prediction.text == by_ours.prediction.text
        theirs.close()
        ours.close()
