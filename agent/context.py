"""What the model is shown at a step: the task and the history as messages, by the rules that its family holds as data.

Runs, servers, training and evaluation all call `build_messages`, and training takes the answer from `answer_text`, so that what a model is
taught and what it is asked cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from actions.dialects import Dialect, get_dialect
from actions.geometry import Frame
from actions.space import Prediction
from agent.conversation import told_by_responses
from agent.screenshot import Screenshot
from agent.step import Step
from agent.templates import filled, thought_of
from agent.tokens import image_rule
from inference.engines.base import ImageSource, Message
from inference.families import Family


def build_messages(task: str, history: Sequence[Step], seen: Screenshot, family: Family) -> tuple[Message, ...]:
    """The chat that asks for the next actions towards `task`, with `seen` on the screen after `history`."""
    told = told_steps(history, family)
    system = filled(family.prompt.system, task, seen, family)
    opening = () if system is None else (Message(role="system", content=(system,)),)
    if family.history.text == "thoughts":
        return (*opening, _told_by_thoughts(task, told, seen, family))
    words = [own_words(step, family) for step in told]
    return (*opening, *told_by_responses(task, told, words, seen, family))


def answer_text(prediction: Prediction, family: Family, frame: Frame) -> str:
    """What a model of `family` writes to say `prediction`."""
    return dialect_of(family).format(prediction, frame)


@lru_cache(maxsize=64)
def dialect_of(family: Family) -> Dialect:
    """The dialect of `family`, bound to its image rule and its coordinates."""
    return get_dialect(family.dialect, image_rule(family.image), family.coordinates)


def frame_of(seen: Screenshot) -> Frame:
    """The sizes by which a model's answer to `seen` is read: screens are sent whole, and the model's own processor resizes them."""
    return Frame(screen=seen.size)


def told_steps(history: Sequence[Step], family: Family) -> Sequence[Step]:
    """The steps that the model hears of: the last ones, without those in which it said nothing that could be read."""
    steps = [step for step in history if step.prediction.error is None and (step.prediction.actions or step.prediction.thought)]
    limit = family.history.max_steps
    return steps if limit is None else steps[max(0, len(steps) - limit) :]


def own_words(step: Step, family: Family) -> str:
    """The model's own text where this family reads it as the same answer, so that what an engine cached of it stays valid.

    Else, as in episodes that a person, an expert or another family recorded, the answer in this family's words.
    """
    said, frame = step.prediction, frame_of(step.seen)
    if said.text:
        read = dialect_of(family).parse(said.text, frame)
        if read.error is None and read.actions == said.actions and read.thought == said.thought:
            return said.text
    return answer_text(said, family, frame)


def _told_by_thoughts(task: str, told: Sequence[Step], seen: Screenshot, family: Family) -> Message:
    """One message: the last screens and the prompt, in which earlier steps are told by their thoughts."""
    rule = family.history
    thoughts = [rule.told.format(number=number, thought=thought) for number, step in enumerate(told, 1) if (thought := thought_of(step))]
    text = filled(family.prompt.user, task, seen, family, history=rule.join.join(thoughts) or rule.none)
    shown = told if rule.images is None else told[max(0, len(told) - (rule.images - 1)) :]
    images: tuple[ImageSource, ...] = (*(step.seen for step in shown), seen)
    return Message(role="user", content=(*images, text or "") if family.prompt.order == "image-first" else (text or "", *images))
