"""Runs of the trainer in processes of their own, so that they can be killed, or be ranks of one world; forked from one warm server."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["training.trainer.trainer", "tests.training.tiny_models", "transformers"])


def train(changes: Sequence[str], rank: int = 0, world_size: int = 1, port: int = 0) -> None:
    """The body of one process: one start of the run that `changes` configure."""
    import torch

    from training.trainer.config import read_config
    from training.trainer.trainer import Trainer
    from training.trainer.world import joined_world

    torch.set_num_threads(1)
    if world_size > 1:
        names = {"RANK": rank, "WORLD_SIZE": world_size, "LOCAL_RANK": rank, "MASTER_PORT": port}
        os.environ |= {name: str(value) for name, value in names.items()} | {"MASTER_ADDR": "127.0.0.1"}
    config = read_config(None, changes)
    with joined_world(config.device) as world:
        Trainer(config, world, quiet=True).run()


def start(changes: Sequence[str], world_size: int = 1) -> list[BaseProcess]:
    """The processes of one start of a run."""
    port = _free_port() if world_size > 1 else 0
    ranks = [CONTEXT.Process(target=train, args=(list(changes), rank, world_size, port), daemon=False) for rank in range(world_size)]
    for process in ranks:
        process.start()
    return list(ranks)


def finish(ranks: Sequence[BaseProcess], timeout_seconds: float = 200) -> None:
    """Wait for them; all must end well, and none is left behind."""
    try:
        for process in ranks:
            process.join(timeout_seconds)
        assert [process.exitcode for process in ranks] == [0] * len(ranks)
    finally:
        for process in ranks:
            process.kill()


def options(run: dict[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in run.items()]


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])
