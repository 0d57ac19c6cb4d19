"""Training samples of deftly-tiny: a screen with its labels and the questions that can be asked of it, from recorded demonstrations.

Besides what the expert was asked, a screen answers other instructions (the expert says how), where a word stands, which word stands
somewhere, and what to type. Every question and answer is written by the agent's own context builder and dialect.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actions.geometry import Frame, Geometry, Size
from actions.space import Action, Click, Drag, Finished, Prediction, TypeText
from agent.context import answer_text, build_messages
from agent.episode import Episode
from agent.screenshot import Screenshot
from agent.step import Step
from inference.families import Family
from training.experts.base import Expert
from training.experts.page import PAGES_FILE, Box, Page
from training.tiny.architecture import SCREEN_PX
from training.tiny.labels import Labels, label

FRAME = Frame(screen=Size(SCREEN_PX, SCREEN_PX))
BLANK = Screenshot.from_rgb(np.zeros((SCREEN_PX, SCREEN_PX, 3), np.uint8), Geometry(left=0, top=0, width=SCREEN_PX, height=SCREEN_PX), 0.0)


@dataclass(frozen=True, slots=True)
class Question:
    """What is written behind the screen: the prompt, the answer, and where on the screen it points first (fractions), if anywhere."""

    prompt: str
    answer: str
    target: tuple[float, float] | None
    kind: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A screen (lossless PNG) with all that is known of it. `questions[0]` is what was really done."""

    task: str
    png: bytes
    labels: Labels
    questions: tuple[Question, ...]


class Questioner:
    """Words questions and answers as the agent does, for one family."""

    def __init__(self, family: Family) -> None:
        self.family = family

    def ask(self, task: str, thoughts: Sequence[str], thought: str, action: Action, kind: str) -> Question:
        history = [Step(index=i, seen=BLANK, prediction=Prediction(thought=text)) for i, text in enumerate(thoughts)]
        message = build_messages(task, history, BLANK, self.family)[-1]
        prompt = "".join(part for part in message.content if isinstance(part, str))
        answer = answer_text(Prediction(thought=thought, actions=(action,)), self.family, FRAME)
        return Question(prompt, answer, _target(action), kind)


def _target(action: Action) -> tuple[float, float] | None:
    if isinstance(action, Click):
        return action.point.x, action.point.y
    if isinstance(action, Drag):
        return action.path[0].x, action.path[0].y
    return None


def samples_of(folder: Path, expert: Expert, questioner: Questioner, rng: random.Random) -> Iterator[Sample]:
    """The samples of one recorded demonstration.

    Raises:
        EpisodeError: it cannot be read.
    """
    episode = Episode.open(folder)
    pages = {}
    for line in (folder / PAGES_FILE).read_text().splitlines():
        data = json.loads(line)
        pages[data["index"]] = Page.from_json(data["page"])
    thoughts: list[str] = []
    for step in episode.steps:
        page, said = pages.get(step.index), step.prediction
        if page is not None and said.actions:
            if "slip" not in step.trace:
                done = questioner.ask(episode.task, thoughts[-12:], said.thought, said.actions[0], "demonstration")
                yield Sample(expert.task, step.seen.png, label(page), (done, *_others(page, expert, questioner, rng)))
            thoughts.append(said.thought)


def _others(page: Page, expert: Expert, questioner: Questioner, rng: random.Random) -> Iterator[Question]:
    for question in list(expert.questions(page, rng))[:12]:
        try:
            decision = expert.decide(question.instruction, page, question.history)
        except LookupError:
            continue
        yield questioner.ask(question.instruction, question.history[-12:], decision.thought, decision.action, "counterfactual")
    words = visible_words(page)
    texts = [text for text, _ in words]
    once = [(text, box) for text, box in words if texts.count(text) == 1]
    for text, box in rng.sample(once, min(4, len(once))):
        yield questioner.ask(f'Point to "{text}".', (), f'point to "{text}"', Click(point=box.center), "point")
    for text, box in rng.sample(words, min(3, len(words))):
        x_px, y_px = box.center.to_pixel(FRAME.screen)
        yield questioner.ask(f"Read the word at {x_px} {y_px}.", (), f'it says "{text}"', Finished(), "read")


def copy_question(questioner: Questioner, rng: random.Random) -> Question:
    """A made-up text to type, so that copying is learnt from letters and not from known words."""
    letters = string.ascii_letters + string.digits
    text = "".join(rng.choice(letters) for _ in range(rng.randint(1, 9)))
    if rng.random() < 0.4:
        text = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(2, 9)))
        text = text.capitalize() if rng.random() < 0.5 else text
    other = "".join(rng.choice(letters) for _ in range(rng.randint(1, 8)))
    wording, thoughts = rng.choice(
        (
            (f'Type "{text}".', ()),
            (f'Type "{text}" and then "{other}".', ()),
            (f'Type "{other}" and then "{text}".', (f'type "{other}"',)),
        )
    )
    return questioner.ask(wording, thoughts, f'type "{text}"', TypeText(text=text), "copy")


def visible_words(page: Page) -> list[tuple[str, Box]]:
    """Words on the page with their boxes: letters that follow each other on a line without a gap."""
    words: list[list[tuple[str, Box]]] = []
    for char, box in page.characters:
        last = words[-1][-1][1] if words else None
        joined = last is not None and abs(last.y - box.y) < 2 and -1 <= box.x - (last.x + last.width) < 1
        if joined:
            words[-1].append((char, box))
        else:
            words.append([(char, box)])
    return [
        (text, _around([b for _, b in word]))
        for word in words
        if len(text := "".join(c for c, _ in word)) > 1 and text.isascii() and text.isalnum()
    ]


def _around(boxes: Sequence[Box]) -> Box:
    left, top = min(b.x for b in boxes), min(b.y for b in boxes)
    return Box(left, top, max(b.x + b.width for b in boxes) - left, max(b.y + b.height for b in boxes) - top)


def pixels(png: bytes) -> npt.NDArray[np.uint8]:
    """A screen's pixels `[320, 320, 3]`."""
    import cv2

    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.ascontiguousarray(image[:, :, ::-1])
