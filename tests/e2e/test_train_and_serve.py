"""From the agent's own episodes to a model and an adapter that vLLM serves, by the command line, at the size of a toy.

The part with vLLM is skipped unless an environment with it is found; see `docs/engines.md`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deftly.cli import main
from inference.engines.openai import OpenAIEngine
from inference.engines.transformers import TransformersEngine
from inference.families import load_family
from tests.e2e.vllm_server import find_vllm, serving_vllm
from tests.inference.chats import CHATS, ask
from tests.inference.tiny import build_tiny
from tests.training.conftest import answers, record_episode

OPTIONS = (
    "--dtype",
    "float32",
    "--enforce-eager",
    "--max-model-len",
    "1024",
    "--limit-mm-per-prompt",
    '{"image": 4}',
    "--generation-config",
    "vllm",
)
pytestmark = [pytest.mark.timeout(1200), pytest.mark.filterwarnings("ignore::FutureWarning")]
FAMILY = """
base: uitars-1.5
name: short
image: {factor: 32, min_pixels: 9216, max_pixels: 102400}
prompt: {system: You act., user: "Task: {task}"}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `tuned/model`, trained whole, and `adapted/model`, an adapter for it, and `merged`."""
    root = tmp_path_factory.mktemp("made")
    model = build_tiny(root / "base")
    family = root / "short.yaml"
    family.write_text(FAMILY)
    for number in range(4):
        record_episode(root / "episodes", load_family(family), answers(3, seed=number), seed=number)
    data = root / "data"
    assert main(["train", "prepare", str(root / "episodes"), "--model", str(model), "--family", str(family), "--out", str(data)]) == 0
    common = ["--data", str(data), "--quiet"]
    # Which samples are held out follows their names, and those of episodes hold the time: none, so that every run is the same.
    settings = {
        "steps": 3,
        "data.held_out": 0,
        "data.pack_length": 1024,
        "data.packs_per_step": 1,
        "data.workers": 0,
        "optimizer.learning_rate": 1e-3,
    }
    common += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    tuned, adapted = root / "tuned", root / "adapted"
    assert main(["train", "run", "--model", str(model), "--out", str(tuned), *common]) == 0
    assert main(["train", "run", "--model", str(tuned / "model"), "--out", str(adapted), *common, "--set", "lora.rank=8"]) == 0
    assert main(["train", "export", str(adapted), "--out", str(root / "merged"), "--merge"]) == 0
    return root


def test_the_command_line_trains_and_tells_what_it_did(made: Path) -> None:
    report = json.loads((made / "data" / "report.json").read_text())
    assert (report["exchanges"], report["problems"]) == (12, [])
    start = json.loads((made / "tuned" / "start.json").read_text())
    assert start["self_test"]["difference"] <= start["self_test"]["allowed"]
    assert len((made / "tuned" / "metrics.jsonl").read_text().splitlines()) == 3


def test_vllm_serves_the_model_and_its_adapter_with_the_answers_of_the_in_process_engine(made: Path, tmp_path: Path) -> None:
    python = find_vllm()
    if python is None:
        pytest.skip("no vLLM: set DEFTLY_VLLM_PYTHON to the python of an environment that has it, or make .venv-vllm")
    lora = ("--enable-lora", "--max-lora-rank", "8", "--lora-modules", f"adapted={made / 'adapted' / 'model'}")
    with serving_vllm(python, made / "tuned" / "model", tmp_path, *OPTIONS, *lora) as url:
        for name, folder in ((str(made / "tuned" / "model"), made / "tuned" / "model"), ("adapted", made / "merged")):
            ours, theirs = TransformersEngine(folder, device="cpu", dtype="float32"), OpenAIEngine(base_url=url, model=name)
            said = {title: (theirs.chat(ask(*chat)).text, ours.chat(ask(*chat)).text) for title, chat in CHATS.items()}
            theirs.close()
            assert [title for title, (got, wanted) in said.items() if got != wanted] == [], name
