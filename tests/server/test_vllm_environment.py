"""What vLLM finds in its environment: on few cores one process and a thread less than cores, unless the user wants it otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.families import load_family
from server.backends.vllm_command import Parallelism, VllmOrder
from server.backends.vllm_environment import Machine, vllm_environment

LONE = Parallelism()
SHARING = {"VLLM_ENABLE_V1_MULTIPROCESSING", "OMP_NUM_THREADS"}


def order(parallelism: Parallelism = LONE, attention: str = "auto") -> VllmOrder:
    family = load_family("deftly-tiny")
    return VllmOrder(python=Path("python"), model="m", name="m", family=family, max_images=1, parallelism=parallelism, attention=attention)


@pytest.mark.parametrize(("num_cores", "copies", "threads"), [(1, 1, "1"), (2, 1, "1"), (3, 1, "2"), (2, 2, "1"), (3, 2, "1")])
def test_on_few_cores_model_and_scheduler_share_a_process_and_copies_share_the_cores(num_cores: int, copies: int, threads: str) -> None:
    told = vllm_environment({}, order(Parallelism(data=copies)), Machine(num_cores))
    assert (told["VLLM_ENABLE_V1_MULTIPROCESSING"], told["OMP_NUM_THREADS"]) == ("0", threads)


@pytest.mark.parametrize(
    ("num_cores", "spread"),
    [(4, LONE), (2, Parallelism(tensor=2)), (2, Parallelism(pipeline=2)), (2, Parallelism(data=3)), (2, Parallelism(ray=True))],
)
def test_where_vllm_needs_processes_of_its_own_or_has_cores_enough_it_shares_out_itself(num_cores: int, spread: Parallelism) -> None:
    assert not SHARING & vllm_environment({}, order(spread), Machine(num_cores)).keys()


def test_a_machine_with_a_gpu_is_left_as_vllm_has_it() -> None:
    assert not SHARING & vllm_environment({}, order(), Machine(2, has_gpu=True)).keys()


def test_the_users_own_environment_wins_but_not_over_what_keeps_the_server_safe() -> None:
    theirs = {"OMP_NUM_THREADS": "2", "VLLM_ENABLE_V1_MULTIPROCESSING": "1", "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "1", "HOME": "/home/me"}
    told = vllm_environment(theirs, order(attention="deftly"), Machine(2))
    assert told == theirs | {"VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0", "VLLM_NO_USAGE_STATS": "1", "DEFTLY_VLLM_ATTENTION": "1"}
