"""Trains deftly-tiny on prepared shards: `python -m training.tiny.train --shards DIR --run DIR`. Stops at will; the same command goes on.

The learning rate follows the processor time spent training, not a number of steps: it holds, then falls to zero over the last part
of `--minutes`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from inference.families import load_family
from training.tiny.architecture import SCREEN_PX, build_model
from training.tiny.batches import Batch, Batcher, Encoder, Pool
from training.tiny.numbers import smooth_numbers
from training.tiny.objective import Objective, fourier_numbers
from training.tiny.samples import Questioner
from training.tiny.shards import read_shard
from training.tiny.shared_prefix import SharedPrefixModel
from training.tiny.start import start_from
from training.tiny.tokenizer import build_tokenizer, frequent_words

WORD_COUNT = 12  # a word this frequent in the first shards is one token
MUON_RATE = 2e-3
ADAM_RATE = 2e-3
NEAR_PX = 12
HEAD_STEPS = 60  # after --start: first the auxiliary heads alone, which are new, and would else shake what is known
# Long tasks and those that ask for close reading would take most of the time; a task that is not named weighs 1.
TASK_WEIGHTS = {
    "click-test": 0.5,
    "click-test-transfer": 0.4,
    "click-dialog": 0.6,
    "click-widget": 0.8,
    "focus-text": 0.5,
    "enter-text-2": 0.4,
    "enter-text-dynamic": 0.5,
    "login-user-popup": 0.3,
    "click-checkboxes-large": 0.3,
    "click-link": 0.3,
    "click-tab-2": 0.3,
    "click-tab-2-easy": 0.3,
    "click-collapsible-2": 0.3,
    "choose-list": 0.3,
    "use-spinner": 0.3,
    "use-slider": 0.15,
}


class Trainer:
    """Everything that a checkpoint holds, and the step."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.run: Path = options.run
        self.run.mkdir(parents=True, exist_ok=True)
        family = load_family("deftly-tiny")
        tokenizer = self._tokenizer()
        self.encoder = Encoder(tokenizer, family)
        self.questioner = Questioner(family)
        self.pool = Pool(options.shards, self.encoder)
        self.model = build_model(tokenizer)
        self.objective = Objective(SharedPrefixModel(self.model, self.encoder.before, self.encoder.after), self.encoder)
        if options.start is None:
            fourier_numbers(self.model.get_input_embeddings().weight, self.objective)
        else:
            num_new = start_from(options.start, self.model, tokenizer)
            print(f"goes on from {options.start}, {num_new} tokens are new", flush=True)
        smooth_numbers(self.model.get_input_embeddings(), self.objective.number_ids)
        self.rng = random.Random(0)
        self.step = 0
        self.seconds = 0.0
        self.screens = 0
        matrices, others = _split(self.objective)
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.02, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self._resume()
        self.batcher = Batcher(self.pool, self.questioner, questions=options.questions, weights=TASK_WEIGHTS | _weights(options.weights))

    def _tokenizer(self) -> Any:
        from transformers import PreTrainedTokenizerFast

        folder = self.run / "tokenizer"
        if folder.exists():
            return PreTrainedTokenizerFast.from_pretrained(folder)
        # One text a screen: the many questions about one screen repeat its made-up words, which are not worth a token.
        shards = sorted(self.options.shards.glob("*.npz"))
        texts = ["\n".join(q.prompt + q.answer for q in sample.questions) for path in shards for sample in read_shard(path)]
        words = frequent_words(texts, min_count=WORD_COUNT)
        print(f"tokenizer: {len(words)} words from {len(texts)} screens", flush=True)
        tokenizer = build_tokenizer(words)
        tokenizer.save_pretrained(folder)
        return tokenizer

    def _resume(self) -> None:
        file = self.run / "checkpoint.pt"
        if not file.exists():
            return
        state = torch.load(file, weights_only=True)
        self.objective.load_state_dict(state["objective"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.seconds, self.screens = state["step"], state["seconds"], state["screens"]
        self.rng.seed(self.step)
        print(f"resumed at step {self.step}, {self.seconds / 60:.1f} minutes of training", flush=True)

    def save(self) -> None:
        state = {
            "objective": self.objective.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "seconds": self.seconds,
            "screens": self.screens,
        }
        part = self.run / "checkpoint.part"
        torch.save(state, part)
        part.replace(self.run / "checkpoint.pt")

    def rate(self) -> float:
        """Share of the peak learning rate: a short warm-up, a plateau, then a straight fall to zero."""
        left = 1 - self.seconds / 60 / float(self.options.minutes)
        return min(1.0, (self.step + 1) / 100, max(0.0, left / float(self.options.decay)))

    def train_step(self) -> dict[str, float]:
        rate = self.rate()
        for optimizer, peak in zip(self.optimizers, (MUON_RATE, ADAM_RATE), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate
        batch = self.batcher.draw(self.options.batch, self.rng)
        with torch.autocast("cpu", dtype=torch.bfloat16), parametrize.cached():
            reading = self.seconds / 60 < self.options.reading_minutes
            losses = self.objective.read(batch) if reading else self.objective(batch)
        losses.total.backward()
        if self.options.start is not None and self.step < HEAD_STEPS:
            self.model.zero_grad(set_to_none=True)
        nn.utils.clip_grad_norm_(self.objective.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.screens += len(batch.images)
        return losses.parts

    def train(self) -> None:
        self.pool.refresh()
        recent: dict[str, list[float]] = defaultdict(list)
        saved = told = tested = refreshed = self.seconds
        while self.seconds < self.options.minutes * 60:
            started = time.process_time()
            for name, value in self.train_step().items():
                recent[name].append(value)
            self.seconds += (time.process_time() - started) / self.options.threads  # a busy machine takes nothing off the training
            if self.seconds - refreshed > 60:
                refreshed = self.seconds
                self.pool.refresh(most=8)
            if self.seconds - told > 30:
                told = self.seconds
                parts = " ".join(f"{name} {np.mean(values):.3f}" for name, values in recent.items())
                seen = f"step {self.step} screens {self.screens} pool {len(self.pool)} left-out {self.pool.left_out}"
                print(f"{self.seconds / 60:.1f} min {seen} rate {self.rate():.2f} {parts}", flush=True)
                recent.clear()
            if self.seconds - saved > 120:
                saved = self.seconds
                self.save()
            if self.seconds - tested > self.options.test_seconds:
                tested = self.seconds
                self.test()
        self.save()
        self.test()

    @torch.no_grad()
    def test(self) -> None:
        """Teacher-forced, on held-out screens: how often the whole thought is right, and the click near, by task."""
        right: dict[str, list[bool]] = defaultdict(list)
        near: dict[str, list[bool]] = defaultdict(list)
        for task, screens in sorted(self.pool.test.items()):
            batch = self.batcher.collate(screens, [screen.questions[:1] for screen in screens])
            with torch.autocast("cpu", dtype=torch.bfloat16), parametrize.cached():
                logits = self.objective.logits(self.objective.shared(batch.images, batch.segments).hidden)
            _score(logits, batch, self.objective.number_ids, right[task], near[task])
        line = {
            task: (round(float(np.mean(right[task])), 2), round(float(np.mean(near[task])), 2) if near[task] else None) for task in right
        }
        mean = np.mean([np.mean(v) for v in right.values()]), np.mean([np.mean(v) for v in near.values() if v])
        print(f"test: words {mean[0]:.3f} clicks {mean[1]:.3f} {json.dumps(line)}", flush=True)


def _score(logits: Tensor, batch: Batch, number_ids: Tensor, right: list[bool], near: list[bool]) -> None:
    segment = batch.segments.rows // batch.segments.max_length
    guess = logits.argmax(-1)
    for index in range(batch.segments.num_segments):
        mine = segment == index
        words = mine & (batch.labels >= 0) & (batch.coordinates == 0)
        right.append(bool((guess[words] == batch.labels[words]).all()))
        firsts = [torch.nonzero(mine & (batch.coordinates == which))[:1, 0] for which in (1, 2)]
        if all(len(at) for at in firsts):
            near.append(all(_is_near(logits[at[0]], batch.labels[at[0]], ids) for at, ids in zip(firsts, number_ids, strict=True)))


def _is_near(logits: Tensor, label: Tensor, ids: Tensor) -> bool:
    guessed, wanted = logits[ids[:SCREEN_PX]].argmax(), (ids == label).float().argmax()
    return bool((guessed - wanted).abs() <= NEAR_PX)


def _split(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Matrices inside the towers are Muon's; embeddings, heads, the patch kernel and vectors are AdamW's."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        free = ("embed_tokens.parametrizations.weight.original", "lm_head", "heads.")
        inner = parameter.ndim == 2 and not any(part in name for part in free)
        (matrices if inner else others).append(parameter)
    return matrices, others


def _weights(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in (pair.split("=") for pair in text.split(",") if pair)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a deftly-tiny to go on from; its vocabulary may be another")
    parser.add_argument("--minutes", type=float, default=95, help="training time in all, over every start")
    parser.add_argument("--decay", type=float, default=0.6, help="share of the time over which the learning rate falls")
    parser.add_argument("--reading-minutes", type=float, default=6, help="time at the start for reading alone")
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--questions", type=int, default=8)
    parser.add_argument("--weights", default="", help="task=weight,… beside TASK_WEIGHTS")
    parser.add_argument("--test-seconds", type=float, default=300)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    Trainer(options).train()


if __name__ == "__main__":
    main()
