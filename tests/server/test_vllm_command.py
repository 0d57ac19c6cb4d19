"""The command that vLLM is started with: what it says, and that the real vLLM's own parser takes it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from tests.server.serving import find_vllm

PARSE = """
import json, sys
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
told = make_arg_parser(FlexibleArgumentParser()).parse_args(sys.argv[1:])
names = ("model served_model_name uds tensor_parallel_size pipeline_parallel_size data_parallel_size distributed_executor_backend "
         "data_parallel_backend attention_backend allowed_media_domains limit_mm_per_prompt max_model_len enable_prefix_caching")
print(json.dumps({name: getattr(told, name) for name in names.split()}, default=str))
"""


def dry_run(*arguments: str) -> list[str]:
    command = [sys.executable, "-m", "deftly", "serve", "--engine", "vllm", "--dry-run", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return shlex.split(done.stdout)


def pairs(command: list[str]) -> dict[str, str]:
    """Options and what follows them; the last one wins, as in vLLM."""
    return {word: after for word, after in zip(command, [*command[1:], ""], strict=True) if word.startswith("--")}


@pytest.fixture(autouse=True)
def _needs_vllm() -> None:
    if find_vllm() is None:
        pytest.skip("no vLLM: run `make setup-vllm`")


def test_the_familys_needs_are_in_it() -> None:
    told = pairs(dry_run("org/model", "--family", "uitars-1.5", "--max-images", "9"))
    assert (told["--model"], told["--served-model-name"]) == ("org/model", "org/model")
    assert json.loads(told["--limit-mm-per-prompt"])["image"] == 9
    assert json.loads(told["--mm-processor-kwargs"]) == {"min_pixels": 78400, "max_pixels": 12845056}
    assert {"--enable-prefix-caching", "--enable-prompt-tokens-details", "--uds"} <= told.keys()
    assert not {"--host", "--port", "--tensor-parallel-size", "--allowed-media-domains"} & told.keys()


def test_what_stands_after_the_dashes_comes_last() -> None:
    command = dry_run("--", "--max-model-len", "777", "--generation-config", "auto")
    assert command[-4:] == ["--max-model-len", "777", "--generation-config", "auto"]


@pytest.mark.timeout(600)
def test_vllms_own_parser_takes_a_cluster_of_ours() -> None:
    further = ("--", "--max-model-len", "32768")
    spread = ("--tensor-parallel-size", "4", "--pipeline-parallel-size", "2", "--data-parallel-size", "3", "--ray")
    command = dry_run(
        "org/model", "--family", "uitars-1.5", *spread, "--attention", "deftly", "--allow-media-host", "img.example", *further
    )
    at = command.index("vllm.entrypoints.openai.api_server") + 1
    done = subprocess.run([command[0], "-c", PARSE, *command[at:]], capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["tensor_parallel_size"], told["pipeline_parallel_size"], told["data_parallel_size"]) == (4, 2, 3)
    assert (told["distributed_executor_backend"], told["data_parallel_backend"]) == ("ray", "ray")
    assert (told["attention_backend"], told["allowed_media_domains"]) == ("CUSTOM", ["img.example"]) or "CUSTOM" in told[
        "attention_backend"
    ]
    assert (told["max_model_len"], told["enable_prefix_caching"]) == (32768, True)


@pytest.mark.parametrize(
    "arguments", [("--ray",), ("--tensor-parallel-size", "2"), ("--", "--max-model-len", "5"), ("--allow-media-host", "x")]
)
def test_options_of_vllm_are_refused_for_the_embedded_engine(arguments: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", "deftly", "serve", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "is for --engine vllm" in done.stderr
