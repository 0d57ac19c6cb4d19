"""Batches of deftly-tiny: screens with K questions each, tokenised once, drawn evenly over tasks."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inference.families import Family
from training.tiny.architecture import GRID, MERGE, PATCH_PX, TOKENS_PER_SIDE
from training.tiny.samples import Question, Questioner, Sample, copy_question, pixels
from training.tiny.shards import read_shard
from training.tiny.shared_prefix import Gaze, Segments

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TURN = "<|im_end|>\n<|im_start|>assistant\n"
END = "<|im_end|>"
PREFIX = "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n<|vision_start|>"
AFTER = "<|vision_end|>"
TOKEN_PX = PATCH_PX * MERGE
MAX_TOKENS = 200  # a longer question is left out, and counted


class Encoded(NamedTuple):
    """One question in tokens. The answer begins at `answer`; `coordinates` marks pixel coordinates (1: x, 2: y, 0: other tokens)."""

    ids: npt.NDArray[np.int32]
    answer: int
    coordinates: npt.NDArray[np.int8]
    places: list[tuple[int, int, int]]  # position that predicts x, and the point's pixel
    copies: list[tuple[int, int]]  # position that predicts a copied token, and where in the prompt that stands
    kind: str


@dataclass(slots=True)
class Screen:
    """A screen and its tokenised questions."""

    task: str
    png: bytes
    letters: npt.NDArray[np.int8]
    widgets: npt.NDArray[np.int8]
    questions: list[Encoded]


class Encoder:
    """Turns questions into tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, family: Family) -> None:
        self.tokenizer = tokenizer
        self.before: list[int] = tokenizer(PREFIX.format(system=family.prompt.system)).input_ids
        self.after: list[int] = tokenizer(AFTER).input_ids
        self.point_ids = {i for text, i in tokenizer.get_added_vocab().items() if text.endswith("<point>")}
        self.number = {tokenizer.convert_tokens_to_ids(str(n)): n for n in range(1000)}
        quote = tokenizer.convert_tokens_to_ids('"')
        self.opening = {quote, tokenizer.convert_tokens_to_ids("type(content='")}
        self.closing = {quote, tokenizer.convert_tokens_to_ids("')")}
        self.spaced = {tokenizer.convert_tokens_to_ids(f" {n}"): n for n in range(1000)}

    def encode(self, question: Question) -> Encoded:
        prompt = self.tokenizer(question.prompt + TURN).input_ids
        answer = self.tokenizer(question.answer + END).input_ids
        ids = prompt + answer
        coordinates, places = np.zeros(len(ids), np.int8), []
        for index in range(len(prompt), len(ids) - 2):
            if ids[index] in self.point_ids:
                coordinates[index + 1 : index + 3] = 1, 2
                places.append((index, self.number[ids[index + 1]], self.spaced[ids[index + 2]]))
        return Encoded(np.array(ids, np.int32), len(prompt), coordinates, places, self._copies(prompt, answer), question.kind)

    def _copies(self, prompt: list[int], answer: list[int]) -> list[tuple[int, int]]:
        """Which tokens of the answer repeat a quoted or named text of the prompt, where it is spelt alike there."""
        copies: list[tuple[int, int]] = []
        start = None
        for index, token in enumerate(answer):
            if start is None:
                start = index + 1 if token in self.opening else None
            elif token in self.closing:
                run = answer[start:index]
                found = _find(prompt, run) if run else None
                if found is not None:
                    copies += [(len(prompt) + start + n - 1, found + n) for n in range(len(run))]
                start = None
        return copies


def _find(ids: list[int], run: list[int]) -> int | None:
    """The first place of `run` in `ids`."""
    return next((at for at in range(len(ids) - len(run) + 1) if ids[at : at + len(run)] == run), None)


class Batch(NamedTuple):
    """What one training step needs; see `objective` for the shapes."""

    images: Tensor
    segments: Segments
    labels: Tensor  # [T] next token of the answer, -100 elsewhere
    coordinates: Tensor  # [T] whether that next token is a coordinate
    pointers: Tensor  # [N, 3]: packed position that predicts x, picture, image token that holds the target
    gaze: Gaze
    letters: Tensor  # [B, 400, 2]
    widgets: Tensor  # [B, 400]


class Pool:
    """All screens that have been prepared so far, by task; `refresh` takes in new shards."""

    def __init__(self, shards: Path, encoder: Encoder, *, held_out: int = 16) -> None:
        self.folder, self.encoder, self.held_out = shards, encoder, held_out
        self.screens: dict[str, list[Screen]] = defaultdict(list)
        self.test: dict[str, list[Screen]] = defaultdict(list)
        self.left_out = 0
        self._read: set[str] = set()

    def refresh(self, *, most: int = 10_000) -> int:
        """Read up to `most` shards that are new; the first of each task is held out in part. Returns how many."""
        new = [path for path in sorted(self.folder.glob("*.npz")) if path.name not in self._read][:most]
        for path in new:
            self._read.add(path.name)
            for sample in read_shard(path):
                screen = self._screen(sample)
                held = path.name.startswith("0000-") and len(self.test[sample.task]) < self.held_out
                (self.test if held else self.screens)[sample.task].append(screen)
        return len(new)

    def _screen(self, sample: Sample) -> Screen:
        encoded = [self.encoder.encode(question) for question in sample.questions]
        kept = [e for e in encoded if len(e.ids) <= MAX_TOKENS]
        self.left_out += len(encoded) - len(kept)
        return Screen(sample.task, sample.png, sample.labels.letters, sample.labels.widgets, kept)

    def __len__(self) -> int:
        return sum(map(len, self.screens.values()))


def _merge_order(grid: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Rows from the top `[20, 20, …]` to merge-group order `[400, …]`, as the vision tower has its patches."""
    rest = grid.shape[2:]
    grouped = grid.reshape(TOKENS_PER_SIDE, MERGE, TOKENS_PER_SIDE, MERGE, *rest)
    return np.swapaxes(grouped, 1, 2).reshape(GRID * GRID, *rest)


def _pairs(pairs: list[tuple[int, int]]) -> Tensor:
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)


class Batcher:
    """Draws batches. `weights` gives tasks a larger or smaller share than others."""

    def __init__(self, pool: Pool, questioner: Questioner, *, questions: int, weights: dict[str, float] | None = None) -> None:
        self.pool, self.questioner, self.questions = pool, questioner, questions
        self.weights = weights or {}

    def draw(self, size: int, rng: random.Random) -> Batch:
        """`size` screens with `questions` questions each: what was done, then others, then one of copying."""
        tasks = sorted(task for task, screens in self.pool.screens.items() if screens)
        chosen = rng.choices(tasks, [self.weights.get(task, 1.0) for task in tasks], k=size)
        screens = [rng.choice(self.pool.screens[task]) for task in chosen]
        return self.collate(screens, [self._questions(screen, rng) for screen in screens])

    def _questions(self, screen: Screen, rng: random.Random) -> list[Encoded]:
        done, rest = screen.questions[:1], screen.questions[1:]
        own = [q for q in rest if q.kind == "counterfactual"]
        aside = [q for q in rest if q.kind != "counterfactual"]
        chosen = done + rng.sample(own, min(len(own), self.questions - 3))
        chosen += rng.sample(aside, min(len(aside), self.questions - 1 - len(chosen)))
        chosen += [self.pool.encoder.encode(copy_question(self.questioner, rng)) for _ in range(self.questions - len(chosen))]
        return chosen

    def collate(self, screens: Sequence[Screen], asked: Sequence[Sequence[Encoded]]) -> Batch:
        flat = [question for questions in asked for question in questions]
        length = -(-max(len(q.ids) for q in flat) // 8) * 8
        ids, rows, labels, coordinates = [], [], [], []
        pointers: list[tuple[int, int, int]] = []
        looks: list[tuple[int, int]] = []
        copies: list[tuple[int, int]] = []
        first_column = len(self.pool.encoder.before)
        start = 0
        per_image = len(asked[0])
        for number, question in enumerate(flat):
            size = len(question.ids)
            ids.append(question.ids)
            rows.append(np.arange(size) + number * length)
            following = np.full(size, -100, np.int64)
            following[question.answer - 1 : -1] = question.ids[question.answer :]
            labels.append(following)
            marks = np.zeros(size, np.int8)
            marks[:-1] = question.coordinates[1:]
            coordinates.append(marks)
            for position, x_px, y_px in question.places:
                token = min(TOKENS_PER_SIDE - 1, y_px // TOKEN_PX) * TOKENS_PER_SIDE + min(TOKENS_PER_SIDE - 1, x_px // TOKEN_PX)
                pointers.append((start + position, number // per_image, token))
                looks += [(start + position + n, first_column + token) for n in range(2)]
            copies += [(start + position, source) for position, source in question.copies]
            start += size
        letters = np.stack([_merge_order(s.letters.reshape(GRID, GRID, 2)) for s in screens])
        return Batch(
            images=torch.from_numpy(np.stack([pixels(s.png) for s in screens])),
            segments=Segments(
                ids=torch.from_numpy(np.concatenate(ids)).long(),
                rows=torch.from_numpy(np.concatenate(rows)).long(),
                num_segments=len(flat),
                max_length=length,
                per_image=per_image,
            ),
            labels=torch.from_numpy(np.concatenate(labels)),
            coordinates=torch.from_numpy(np.concatenate(coordinates)),
            pointers=torch.tensor(pointers, dtype=torch.long).reshape(-1, 3),
            gaze=Gaze(_pairs(looks), _pairs(copies)),
            letters=torch.from_numpy(letters).long(),
            widgets=torch.from_numpy(np.stack([_merge_order(s.widgets) for s in screens])).long(),
        )
