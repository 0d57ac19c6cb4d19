"""Checkpoints of a run: written while training goes on, whole or not there, read back by any number of ranks.

checkpoints/step-00000200/     .metadata and *.distcp (torch.distributed.checkpoint), progress.json, random-0.pt per rank
checkpoints/step-00000400.part one that is being written, or was when the process was killed
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict

from agent.durable import write_whole
from training.errors import RunError
from training.trainer.optimizers import MovingAverage
from training.trainer.world import World

if TYPE_CHECKING:
    from concurrent.futures import Future

TRAINED_ONLY = StateDictOptions(ignore_frozen_params=True, strict=False)
_NAME = re.compile(r"step-(\d{8})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a checkpoint holds besides the progress."""

    network: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    average: MovingAverage | None

    def tensors(self) -> dict[str, Any]:
        model, optimizer = get_state_dict(self.network, list(self.optimizers), options=TRAINED_ONLY)
        state: dict[str, Any] = {"model": model, "optimizer": optimizer}
        return state if self.average is None else state | {"average": dict(self.average.weights)}

    def restore(self, state: Mapping[str, Any]) -> None:
        set_state_dict(
            self.network,
            list(self.optimizers),
            model_state_dict=state["model"],
            optim_state_dict=state["optimizer"],
            options=TRAINED_ONLY,
        )
        if self.average is not None:
            self.average.restore(state["average"])


class Checkpoints:
    """Those in `folder`, the last `keep` of them."""

    def __init__(self, folder: Path, world: World, *, keep: int) -> None:
        self._folder, self._world, self._keep = folder, world, keep
        self._writing: tuple[Path, Future[Any]] | None = None

    def begin(self, trained: Trained, step: int, progress: Mapping[str, Any]) -> None:
        """Copy all there is and write it in the background; the one before must be whole first."""
        from torch.distributed.checkpoint.staging import BlockingAsyncStager
        from torch.distributed.checkpoint.state_dict_saver import AsyncSaveResponse, async_save

        self.finish()
        part = self._folder / f"step-{step:08d}.part"
        if self._world.is_first:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
        self._world.barrier()
        torch.save(torch.get_rng_state(), part / f"random-{self._world.rank}.pt")
        if self._world.is_first:
            (part / "progress.json").write_text(json.dumps({**progress, "step": step, "world_size": self._world.size}))
        writing = async_save(
            trained.tensors(), checkpoint_id=part, process_group=self._world.checkpoint_group, async_stager=BlockingAsyncStager()
        )
        assert not isinstance(writing, AsyncSaveResponse)
        self._writing = part, writing

    def finish(self) -> None:
        """Wait for what is being written, and make it count.

        Raises:
            RunError: it could not be written.
        """
        if self._writing is None:
            return
        (part, writing), self._writing = self._writing, None
        try:
            writing.result()
        except (OSError, RuntimeError) as error:
            raise RunError(f"the checkpoint {part} could not be written: {error}") from error
        self._world.barrier()  # every rank's files are there
        if self._world.is_first:
            _sync(part)
            part.rename(part.with_suffix(""))
            self._forget_old()
        self._world.barrier()

    def latest(self) -> Path | None:
        """The newest whole one; parts that a killed process left are taken away."""
        if self._world.is_first:
            for part in self._folder.glob("step-*.part"):
                shutil.rmtree(part, ignore_errors=True)
        whole = whole_checkpoints(self._folder)
        self._world.barrier()
        return whole[-1] if whole else None

    def load(self, checkpoint: Path, trained: Trained) -> dict[str, Any]:
        """Restore from `checkpoint`; returns its progress."""
        from torch.distributed.checkpoint.state_dict_loader import load

        state = trained.tensors()
        load(state, checkpoint_id=checkpoint, process_group=self._world.checkpoint_group)
        trained.restore(state)
        progress: dict[str, Any] = json.loads((checkpoint / "progress.json").read_text())
        dice = checkpoint / f"random-{self._world.rank}.pt"
        if progress["world_size"] == self._world.size and dice.exists():
            torch.set_rng_state(torch.load(dice, weights_only=True))
        return progress

    def _forget_old(self) -> None:
        for old in whole_checkpoints(self._folder)[: -self._keep]:
            shutil.rmtree(old)


def whole_checkpoints(folder: Path) -> list[Path]:
    """Oldest first."""
    return sorted(path for path in folder.glob("step-*") if _NAME.fullmatch(path.name))


def _sync(folder: Path) -> None:
    """To the disk, before the name says that it is whole."""
    for path in (*folder.iterdir(), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def save_json(path: Path, data: object) -> None:
    write_whole(path, (json.dumps(data, indent=2) + "\n").encode())
