"""Filling in a family's templates: the prompt, a screenshot's surroundings, a step told in a line."""

from __future__ import annotations

from actions.geometry import Size
from agent.screenshot import Screenshot
from agent.step import Step
from agent.tokens import seen_size
from inference.engines.base import ImageSource
from inference.families import Family
from inference.families.spec import tool_lines

Content = tuple[str | ImageSource, ...]


def filled(template: str | None, task: str, seen: Screenshot, family: Family, history: str = "") -> str | None:
    """`template` with the task, the history, the tools and the size at which the model sees `seen`; what is filled in is not read again."""
    if template is None:
        return None
    tools, size = family.prompt.tools, Size(0, 0)
    if tools is not None or "{width}" in template or "{height}" in template:
        size = seen_size(seen.size, family.image)
    return template.format(task=task, history=history, width=size.width, height=size.height, tools=_told_tools(tools, size))


def _told_tools(tools: str | None, size: Size) -> str:
    """The tools as the model is told them; their braces are JSON's, so that two words are replaced and nothing else is touched."""
    return "" if tools is None else tool_lines(tools).replace("{width}", str(size.width)).replace("{height}", str(size.height))


def shown_screen(image: Screenshot, template: str, feedback: str) -> Content:
    """A screenshot as its `template` shows it, after what the model is told about its last actions."""
    before, _, after = template.partition("{image}")
    words = "\n".join(text for text in (feedback, before) if text)
    return (*((words,) if words else ()), image, *((after,) if after else ()))


def thought_of(step: Step) -> str:
    """The thought of `step` on one line, with what became of it where that was not what the model wanted."""
    thought = " ".join(step.prediction.thought.split())
    return f"{thought} ({step.feedback})" if step.feedback else thought
