"""Both servers, started once: the embedded engine, and vLLM where there is one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.serving import VLLM_OPTIONS, Served, find_vllm, serving


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The bundled model behind the embedded engine."""
    with serving(tmp_path_factory.mktemp("embedded"), "--max-images", "4", "--max-body-mib", "8") as served:
        yield served


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The bundled model behind vLLM."""
    if find_vllm() is None:
        pytest.skip("no vLLM: run `make setup-vllm`, or set DEFTLY_VLLM_PYTHON to the python of an environment that has it")
    options = ("--engine", "vllm", "--max-images", "4", "--max-body-mib", "8", "--", *VLLM_OPTIONS)
    with serving(tmp_path_factory.mktemp("vllm"), *options) as served:
        yield served


@pytest.fixture(params=["embedded", "vllm"])
def served(request: pytest.FixtureRequest) -> Served:
    """Each of the two."""
    server: Served = request.getfixturevalue(request.param)
    return server
