"""A history as a conversation: the model's answers as the assistant's, screenshots before theirs, and the current one at the end."""

from __future__ import annotations

from collections.abc import Sequence

from agent.history import Cost, Shown, blocks, window
from agent.screenshot import Screenshot
from agent.step import Step
from agent.templates import Content, filled, shown_screen, thought_of
from agent.tokens import screen_tokens, text_tokens
from inference.engines.base import Message
from inference.families import Family


def told_by_responses(task: str, told: Sequence[Step], words: Sequence[str], seen: Screenshot, family: Family) -> tuple[Message, ...]:
    """The messages after the system's; `words` are what the model said at each of the steps `told`."""
    prompt, rule = family.prompt, family.history
    shown = _shown(task, told, words, seen, family)
    first = shown.screens_from if prompt.tells_history else shown.words_from
    lines = [_line(number, told[number], family) for number in range(shown.words_from, first)] if prompt.tells_history else []
    text = filled(prompt.user, task, seen, family, history=rule.join.join(lines) or rule.none)
    messages = [Message(role="user", content=(text,))] if text is not None and prompt.where == "alone" else []
    feedback = told[first - 1].feedback if first and not prompt.tells_history else ""
    for number, step in enumerate(told[first:], first):
        with_prompt = text if prompt.where == "first" and number == first else None
        content = _before(step, number >= shown.screens_from, feedback, with_prompt, family)
        if content:
            messages.append(Message(role="user", content=content))
        messages.append(Message(role="assistant", content=(words[number],)))
        feedback = step.feedback
    with_prompt = text if prompt.where == "last" or (prompt.where == "first" and first == len(told)) else None
    messages.append(Message(role="user", content=_screen(seen, prompt.screen, feedback, with_prompt, family)))
    return tuple(messages)


def _shown(task: str, told: Sequence[Step], words: Sequence[str], seen: Screenshot, family: Family) -> Shown:
    """From where on steps are shown, by the rule of the family."""
    if family.history.rule == "window":
        return window(len(told), family.history)
    costs = [_cost(number, step, said, family) for number, (step, said) in enumerate(zip(told, words, strict=True))]
    return blocks(costs, screen_tokens(seen.size, family.image), _prompt_tokens(task, seen, family), family.history)


def _cost(number: int, step: Step, said: str, family: Family) -> Cost:
    """A step costs its screenshot and its answer; where the prompt tells old steps, both give way to a line in it."""
    screen, words = screen_tokens(step.seen.size, family.image), text_tokens(said) + text_tokens(step.feedback)
    if not family.prompt.tells_history:
        return Cost(screen, words)
    line = text_tokens(_line(number, step, family))
    return Cost(screen + words - line, line)


def _prompt_tokens(task: str, seen: Screenshot, family: Family) -> int:
    templates = (family.prompt.system, family.prompt.user)
    return sum(text_tokens(filled(template, task, seen, family) or "") for template in templates)


def _before(step: Step, is_shown: bool, feedback: str, prompt: str | None, family: Family) -> Content:
    """What the model was shown before it said the words of `step`; nothing where its screenshot is gone and nobody told it anything."""
    if is_shown:
        return _screen(step.seen, family.prompt.earlier or family.prompt.screen, feedback, prompt, family)
    instead = family.history.dropped if prompt is None else prompt
    words = [text for text in (feedback or None, instead) if text is not None]
    return ("\n".join(words),) if words else ()


def _screen(image: Screenshot, template: str, feedback: str, prompt: str | None, family: Family) -> Content:
    """A screenshot, with the prompt where that stands in the same message."""
    if prompt is None:
        return shown_screen(image, template, feedback)
    told = (feedback,) if feedback else ()
    return (*told, image, prompt) if family.prompt.order == "image-first" else (*told, prompt, image)


def _line(number: int, step: Step, family: Family) -> str:
    return family.history.told.format(number=number + 1, thought=thought_of(step))
