"""What the model is shown at a step: the task and the history as messages, by the rules that its family holds as data.

Runs, servers, training and evaluation all call `build_messages`, and training takes the answer from `answer_text`, so that what a model is
taught and what it is asked cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from actions.dialects import Dialect, get_dialect
from actions.geometry import Frame
from actions.resize import ImageRule
from actions.space import Prediction
from agent.screenshot import Screenshot
from agent.step import Step
from inference.engines.base import ImageSource, Message
from inference.families import Family

NOTHING_YET = "nothing"


def build_messages(task: str, history: Sequence[Step], seen: Screenshot, family: Family) -> tuple[Message, ...]:
    """The chat that asks for the next actions towards `task`, with `seen` on the screen after `history`."""
    told = told_steps(history, family)
    system = () if family.prompt.system is None else (Message(role="system", content=(family.prompt.system,)),)
    if family.history.text == "thoughts":
        return (*system, *_told_by_thoughts(task, told, seen, family))
    return (*system, *_told_by_responses(task, told, seen, family))


def answer_text(prediction: Prediction, family: Family, frame: Frame) -> str:
    """What a model of `family` writes to say `prediction`."""
    return dialect_of(family).format(prediction, frame)


@lru_cache(maxsize=16)
def dialect_of(family: Family) -> Dialect:
    """The dialect of `family`, bound to its image rule."""
    image = family.image
    return get_dialect(family.dialect, ImageRule(image.factor, image.min_pixels, image.max_pixels))


def frame_of(seen: Screenshot) -> Frame:
    """The sizes by which a model's answer to `seen` is read: screens are sent whole, and the model's own processor resizes them."""
    return Frame(screen=seen.size)


def told_steps(history: Sequence[Step], family: Family) -> Sequence[Step]:
    """The steps that the model hears of: the last ones, without those in which it said nothing that could be read."""
    steps = [step for step in history if step.prediction.error is None and (step.prediction.actions or step.prediction.thought)]
    limit = family.history.max_steps
    return steps if limit is None else steps[max(0, len(steps) - limit) :]


def _told_by_thoughts(task: str, told: Sequence[Step], seen: Screenshot, family: Family) -> tuple[Message, ...]:
    """One message: the last screens and the prompt, in which earlier steps are told by their thoughts."""
    thoughts = "; ".join(thought for step in told if (thought := _thought(step)))
    text = _fill(family.prompt.user, task, thoughts or NOTHING_YET)
    shown = told[_first_shown(told, family) :]
    images: tuple[ImageSource, ...] = (*(step.seen for step in shown), seen)
    image_first = family.prompt.order == "image-first"
    return (Message(role="user", content=(*images, text) if image_first else (text, *images)),)


def _told_by_responses(task: str, told: Sequence[Step], seen: Screenshot, family: Family) -> tuple[Message, ...]:
    """A conversation: every earlier answer as the assistant's, the last screens before theirs, and the current one at the end."""
    prompt = _fill(family.prompt.user, task, "")
    image_first = family.prompt.order == "image-first"
    messages = [] if image_first else [Message(role="user", content=(prompt,))]
    first_shown = _first_shown(told, family)
    feedback = ""
    for number, step in enumerate(told):
        content = _part(feedback, step.seen if number >= first_shown else None)
        if content:
            messages.append(Message(role="user", content=content))
        messages.append(Message(role="assistant", content=(_own_words(step, family),)))
        feedback = step.feedback
    last = _part(feedback, seen)
    messages.append(Message(role="user", content=(*last, prompt) if image_first else last))
    return tuple(messages)


def _first_shown(told: Sequence[Step], family: Family) -> int:
    """Index of the first earlier step whose screen is shown; the current screen is one of `history.images`."""
    images = family.history.images
    return 0 if images is None else max(0, len(told) - (images - 1))


def _part(feedback: str, image: Screenshot | None) -> tuple[str | ImageSource, ...]:
    words = (feedback,) if feedback else ()
    return words if image is None else (*words, image)


def _thought(step: Step) -> str:
    thought = " ".join(step.prediction.thought.split())
    return f"{thought} ({step.feedback})" if step.feedback else thought


def _own_words(step: Step, family: Family) -> str:
    """The model's own text where this family reads it as the same answer, so that what an engine cached of it stays valid.

    Else, as in episodes that a person, an expert or another family recorded, the answer in this family's words.
    """
    said, frame = step.prediction, frame_of(step.seen)
    if said.text:
        read = dialect_of(family).parse(said.text, frame)
        if read.error is None and read.actions == said.actions and read.thought == said.thought:
            return said.text
    return answer_text(said, family, frame)


def _fill(template: str, task: str, history: str) -> str:
    return template.format(task=task, history=history)
