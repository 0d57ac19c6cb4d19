"""The training loop: plan, read, step, and everything that has to survive a kill at any moment.

    with joined_world(config.device) as world:
        Trainer(config, world).run()

What a run leaves in its folder: config.json, metrics.jsonl, loss.svg, tensorboard/, previews/, checkpoints/, and model/ at the end.
"""

from __future__ import annotations

import json
import math
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inference.models.kimi_vl.experts import balance_routers
from training.data.store import SampleStore
from training.errors import RunError
from training.packing import Sample
from training.trainer.checkpoints import Checkpoints, Trained, save_json
from training.trainer.config import TrainConfig, check_same_run, config_json
from training.trainer.dataset import PackLoader, Work, make_plan, split
from training.trainer.export import export_network
from training.trainer.journal import Journal
from training.trainer.model import load_network
from training.trainer.optimizers import MovingAverage, build_optimizers, rate_at, set_rate
from training.trainer.previews import HELD_OUT_MOST, held_out_loss, preview
from training.trainer.world import World, packed_network, spread, without_sync
from training.varlen.self_test import check_packing

SELF_TEST_SAMPLES = 3
NON_FINITE_MOST = 5  # steps in a row whose gradients are not numbers, until the run is given up


class Trainer:
    """One start of the run that `config` describes; it goes on where the last start's newest checkpoint is.

    Raises:
        RunError: the run cannot be started, or is another one than the one in its folder.
        PackingLeaks: the model does not give packed what it gives sample by sample.
    """

    def __init__(self, config: TrainConfig, world: World, *, quiet: bool = False) -> None:
        self.config, self.world = config, world
        self.folder = Path(config.out)
        self._claim_folder()
        torch.manual_seed(config.seed)
        self.store = SampleStore(Path(config.data.folder))
        self.split = split(self.store, config.data)
        network = load_network(config)
        hidden = network.core.config.get_text_config().hidden_size
        limited = None if config.steps is not None else config.epochs
        self.plan = make_plan(self.store, self.split.train, config.data, epochs=limited, equal_length=12 * hidden)
        self.steps = config.steps or self._count_steps()
        self.network: nn.Module = spread(network, world, config.parallel, config.dtype)
        self.optimizers = build_optimizers(self.network, config.optimizer)
        self.average = MovingAverage(self.network, config.ema) if config.ema is not None else None
        self.trained = Trained(network=self.network, optimizers=self.optimizers, average=self.average)
        self.checkpoints = Checkpoints(self.folder / "checkpoints", world, keep=config.checkpoints.keep)
        self.step = self.tokens = self._non_finite = 0
        self._resume()
        self._self_test()
        told = config.watch.tensorboard and world.is_first
        self.journal = Journal(self.folder, step=self.step, steps=self.steps, tensorboard=told, quiet=quiet) if world.is_first else None

    def run(self) -> None:
        """Train until the last step, and export the model."""
        loader = PackLoader(
            self.store,
            self.split.train,
            self.plan,
            rank=self.world.rank,
            world_size=self.world.size,
            workers=self.config.data.workers,
        )
        saved = self.step
        try:
            if self.step < self.steps:
                for work in loader:
                    self._tell(self.train_step(work))
                    last = self.step >= self.steps
                    if last or self.step % self.config.checkpoints.every == 0:
                        self.checkpoints.begin(self.trained, self.step, {"plan": work.step.state, "tokens": self.tokens})
                        saved = self.step
                    if self._is_watched(last):
                        self._watch()
                    if last:
                        break
            self.checkpoints.finish()
            assert saved == self.step, "the plan ended before the last step"
            export_network(packed_network(self.network), self.network, self.average, self.config, self.folder / "model", self.world)
        finally:
            if self.journal is not None:
                self.journal.close()

    def train_step(self, work: Work) -> dict[str, Any]:
        """One optimizer step over this rank's packs; what it measured, over all ranks."""
        started = time.monotonic()
        supervised = max(1, work.step.supervised)
        total = torch.zeros((), device=self.world.device)
        for number, pack in enumerate(work.packs, start=1):
            with without_sync(self.network, last=number == len(work.packs)):
                with self._autocast():
                    loss = self.network(pack.to(self.world.device))
                # Gradients are averaged over the ranks, and the loss is the mean over all that is learnt on all of them.
                (loss * (self.world.size / supervised)).backward()
            total += loss.detach()
        self.step = work.step.number
        rate = self.config.optimizer.learning_rate * rate_at(self.step, self.steps, self.config.schedule)
        norm = self._update(rate)
        tokens = sum(pack.tokens for pack in work.step.packs)
        self.tokens += tokens
        return {
            "step": self.step,
            "loss": float(self.world.sum(total)) / supervised,
            "gradient_norm": norm,
            "learning_rate": rate,
            "epoch": max(pack.epoch for pack in work.step.packs),
            "tokens": self.tokens,
            "supervised": supervised,
            "fill": tokens / len(work.step.packs) / self.config.data.pack_length,
            "tokens_per_second": tokens / (time.monotonic() - started),
        }

    def _update(self, rate: float) -> float:
        set_rate(self.optimizers, rate)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.optimizer.clip_norm)
        size = float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
        if math.isfinite(size):
            self._non_finite = 0
            for optimizer in self.optimizers:
                optimizer.step()
            balance_routers(self.network, self.world.sum)
            if self.average is not None:
                self.average.update()
        else:
            self._non_finite += 1
            if self._non_finite == NON_FINITE_MOST:
                raise RunError(
                    f"step {self.step}: the gradients of {NON_FINITE_MOST} steps in a row are no numbers: lower the learning rate"
                )
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        return size

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.config.dtype == "float32":
            return nullcontext()
        return torch.autocast(self.world.device.type, torch.bfloat16)

    def _claim_folder(self) -> None:
        """Make the run's folder, or see that it is this run's."""
        file, now = self.folder / "config.json", config_json(self.config)
        if file.exists():
            check_same_run(json.loads(file.read_text()), now)
        self.world.barrier()
        if self.world.is_first:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_json(file, now)

    def _count_steps(self) -> int:
        state = self.plan.state()
        count = sum(1 for _ in self.plan)
        self.plan.restore(state)
        return count

    def _resume(self) -> None:
        newest = self.checkpoints.latest()
        if newest is not None:
            progress = self.checkpoints.load(newest, self.trained)
            self.plan.restore(progress["plan"])
            self.step, self.tokens = int(progress["step"]), int(progress["tokens"])

    def _self_test(self) -> None:
        """On the shortest samples: it is about boundaries, of which short ones have as many."""
        index = self.store.index()
        shortest = sorted(self.split.train, key=lambda number: index.lengths[number])[:SELF_TEST_SAMPLES]
        samples = [self.store[number] for number in shortest]
        dtype = torch.bfloat16 if "bfloat16" in (self.config.dtype, self.config.weights_dtype) else torch.float32
        self.network.eval()
        with self._autocast():
            found = check_packing(self.network, samples, device=self.world.device, dtype=dtype)
        self.network.train()
        if self.world.is_first:
            data = {"samples": found.num_samples, "tokens": found.num_tokens, "difference": found.difference, "allowed": found.tolerance}
            left_out = [self.store[number].name for number in self.split.overlong]
            counts = {"train": len(self.split.train), "held_out": len(self.split.held_out), "overlong": left_out}
            save_json(self.folder / "start.json", {"self_test": data, "samples": counts, "steps": self.steps, "resumed_at": self.step})

    def _is_watched(self, last: bool) -> bool:
        every = self.config.watch.every
        return bool(every and self.split.held_out) and (last or self.step % every == 0)

    def _watch(self) -> None:
        samples = [self.store[number] for number in self.split.held_out[:HELD_OUT_MOST]]
        self.network.eval()
        with self._autocast():
            row: dict[str, Any] = {"step": self.step, "held_out_loss": held_out_loss(self.network, samples, self.world.device)}
            seen = self._previews(samples)
        self.network.train()
        if self.journal is not None:
            self.journal.step(row)
            folder = self.folder / "previews"
            folder.mkdir(exist_ok=True)
            save_json(folder / f"step-{self.step:08d}.json", seen)
            self.journal.text("previews", "\n\n".join(f"wanted {p['wanted']!r}, said {p['said']!r}" for p in seen), self.step)
            self.journal.plot()

    def _previews(self, samples: list[Sample]) -> list[dict[str, Any]]:
        from transformers import AutoTokenizer

        chosen = [sample for sample in samples if not sample.branches][: self.config.watch.samples]
        if not chosen:
            return []
        tokenizer = AutoTokenizer.from_pretrained(self.config.model, local_files_only=True)
        length = self.config.watch.max_tokens
        return [preview(self.network, sample, tokenizer, self.world.device, max_tokens=length).to_json() for sample in chosen]

    def _tell(self, row: dict[str, Any]) -> None:
        if self.journal is not None:
            self.journal.step(row)
