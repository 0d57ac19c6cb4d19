"""Weights in 8 and 4 bits: smaller, close to what they were, answered with by both engines; and what cannot be is said in words."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from inference.engines.transformers import TransformersEngine
from inference.models import bundled_model
from inference.serving.engine import BatchingEngine
from inference.vlm.checkpoint import load_checkpoint
from inference.vlm.quantized import CannotQuantize
from tests.inference.chats import CHATS, ask

CPU = torch.device("cpu")
needs_torchao = pytest.mark.skipif(find_spec("torchao") is None, reason="torchao is not installed: pip install 'deftly[quant]'")
pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torchao"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def logits_of(quantize: str | None, dtype: torch.dtype) -> tuple[torch.Tensor, int]:
    """Of the bundled model on some tokens, and how many bytes its language model's layers take."""
    model = load_checkpoint(bundled_model(), device=CPU, dtype=dtype, attn_implementation="sdpa", quantize=quantize).model
    with torch.inference_mode():
        logits = model(input_ids=torch.arange(100, 180)[None]).logits[0].float()
    stored = [value for name, value in model.model.language_model.named_parameters() if "proj" in name and name.endswith("weight")]
    return logits, sum(_num_bytes(value) for value in stored)


def _num_bytes(weight: torch.Tensor) -> int:
    """Of a tensor, or of those that a quantised one is made of."""
    names = getattr(weight, "tensor_data_names", None)
    return weight.nbytes if names is None else sum(getattr(weight, name).nbytes for name in names)


@needs_torchao
@pytest.mark.parametrize(
    ("quantize", "dtype", "smaller", "apart"), [("int8", torch.float32, 3.5, 0.03), ("int4", torch.bfloat16, 3.0, 0.35)]
)
def test_weights_shrink_and_what_the_bundled_model_says_stays_close(
    quantize: str, dtype: torch.dtype, smaller: float, apart: float
) -> None:
    plain, plain_bytes = logits_of(None, dtype)
    few, few_bytes = logits_of(quantize, dtype)
    assert plain_bytes / few_bytes > smaller
    assert 0 < float((few - plain).norm() / plain.norm()) < apart


@needs_torchao
@pytest.mark.parametrize("quantize", ["int8", "int4"])
def test_both_engines_answer_alike_with_few_bits(quantize: str) -> None:
    alone = TransformersEngine(device="cpu", quantize=quantize)
    many = BatchingEngine(device="cpu", quantize=quantize)
    request = ask(*CHATS["picture first"])
    assert alone.chat(request).text == many.chat(request).text != ""
    many.close()


def test_an_unknown_number_of_bits_is_refused() -> None:
    with pytest.raises(CannotQuantize, match="quantize is 'int3': it must be int8 or int4"):
        TransformersEngine(device="cpu", quantize="int3")


def test_without_torchao_the_error_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "torchao.py").write_text("raise ImportError('hidden')")
    code = "from inference.vlm.quantized import check_quantization\ntry: check_quantization('int8')\nexcept ValueError as e: print(e)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{tmp_path}:."},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert "needs torchao, which is not installed: pip install 'deftly[quant]'" in run.stdout
