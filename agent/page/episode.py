"""An episode on the page: what was asked, how it ended, and every step with its screen, its words and its time."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from actions.geometry import Point
from agent.endings import performable
from agent.episode import Episode
from agent.page.markup import element, text
from agent.page.overlay import draw
from agent.page.screens import Screens
from agent.step import Step
from agent.words import in_words

STAGES = ("look", "decide", "check", "approve", "act")


def render_episode(episode: Episode, number: int, screens: Screens, alone: bool) -> str:
    """The section of `episode`, the `number`th of the page."""
    name = f"e{number}"
    focus: Point | None = None
    steps, thumbs = [], []
    for position, step in enumerate(episode.steps):
        article, focus = _step(step, f"{name}-{position}", position, len(episode.steps), screens, focus)
        steps.append(article)
        thumbs.append(_thumb(step, f"{name}-{position}", position, screens))
    empty = "" if steps else element("p", "No step was recorded.", class_="empty")
    return element(
        "section",
        _heading(episode, alone),
        element("nav", *thumbs, class_="strip", aria_label="steps"),
        *steps,
        empty,
        _about(episode),
        class_="episode",
        id=name,
        data_status=status_of(episode),
    )


def status_of(episode: Episode) -> str:
    """The status word that is shown: an episode without an end is unfinished."""
    return episode.ended.status if episode.ended else "unfinished"


def name_of(episode: Episode) -> str:
    """The name of its task in a suite, where it comes from one; `meta` keeps it under a key such as `miniwob_task`."""
    return next((str(value) for key, value in episode.meta.items() if key.endswith("_task")), "")


def badges(episode: Episode) -> str:
    """How it ended, its reward, and how much it took, as small labels."""
    labels = [element("span", text(status_of(episode).replace("_", " ")), class_=f"badge status {tone_of(episode)}")]
    if episode.reward is not None:
        labels.append(element("span", f"reward {episode.reward:g}", class_=f"badge {'good' if episode.reward > 0 else 'bad'}"))
    count = len(episode.steps)
    labels.append(element("span", f"{count} step{'' if count == 1 else 's'}", class_="badge"))
    labels.append(element("span", seconds_in_words(episode.seconds), class_="badge"))
    return "".join(labels)


def tone_of(episode: Episode) -> str:
    """`good`, `bad` or `unsure`: the task's own judge has the last word."""
    if episode.reward is not None:
        return "good" if episode.reward > 0 else "bad"
    if episode.ended is None:
        return "unsure"
    return {0: "good", 1: "bad", 6: "bad"}.get(episode.ended.exit_code, "unsure")


def seconds_in_words(seconds: float) -> str:
    """A duration in the unit in which it is read best."""
    if seconds < 0.001:
        return "<1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def _heading(episode: Episode, alone: bool) -> str:
    back = "" if alone else element("a", "← all episodes", href="#index", class_="back")
    message = episode.ended.message if episode.ended else "It was not ended: it still runs, or its process was killed."
    notes = [element("p", text(note), class_="note") for note in episode.notes]
    kicker = element("small", text(name_of(episode), 100), class_="kicker") if name_of(episode) else ""
    title = kicker + element("h1", text(episode.task, 2000))
    return element(
        "header", back, title, element("p", badges(episode), class_="badges"), element("p", text(message, 2000), class_="end"), *notes
    )


def _step(step: Step, name: str, position: int, count: int, screens: Screens, focus: Point | None) -> tuple[str, Point | None]:
    done = tuple(outcome.action for outcome in step.outcomes)
    drawn = draw(done or performable(step.prediction.actions), step.seen.size, focus)
    shot = screens.show(step.seen, drawn.shapes, label=f"the screen at step {position + 1}")
    width, height = step.seen.size
    figure = element("figure", shot, drawn.marks, class_="screen" if done else "screen planned", style=f"--w:{width};--h:{height}")
    article = element("article", figure, _panel(step, name, position, count), class_="step", id=name)
    return article, drawn.focus


def _panel(step: Step, name: str, position: int, count: int) -> str:
    said = step.prediction
    turn = _turn(name, position - 1, "‹", position > 0) + _turn(name, position + 1, "›", position < count - 1)
    parts = [element("p", f"<span>Step {position + 1} <i>of {count}</i></span>", element("span", turn, class_="turns"), class_="count")]
    if said.thought:
        parts.append(element("p", text(said.thought), class_="thought"))
    parts.append(_actions(step))
    if said.error is not None:
        parts.append(element("p", text(f"This answer could not be read: {said.error}", 2000), class_="note bad"))
    if "asked_again" in step.trace:
        parts.append(
            element("p", text(f"Asked again, since the first answer could not be read: {step.trace['asked_again']}", 2000), class_="note")
        )
    parts += [element("p", text(words), class_="note") for words in (step.feedback, *step.notes) if words]
    parts.append(_timing(step.timing))
    parts.append(_trace(step.trace))
    if said.text:
        parts.append(element("details", "<summary>What the model wrote</summary>", element("pre", text(said.text))))
    return element("div", *parts, class_="panel")


def _turn(name: str, position: int, arrow: str, exists: bool) -> str:
    """A link to a neighbouring step, for those without a keyboard."""
    href = f"#{name.partition('-')[0]}-{position}" if exists else None
    return element("a", arrow, href=href, aria_label="the step before" if arrow == "‹" else "the next step")


def _actions(step: Step) -> str:
    rows = [_action(in_words(fate.action), fate.note, fate.performed) for fate in step.fates()]
    return element("ol", *rows, class_="actions") if rows else ""


def _action(words: str, note: str, performed: bool) -> str:
    first, _, rest = words.partition(" ")
    remark = element("small", text(note, 500)) if note else ""
    return element("li", element("b", text(first)), " " + text(rest, 500), remark, class_=None if performed else "dropped")


def _timing(timing: Mapping[str, float]) -> str:
    stages = [stage for stage in (*STAGES, *sorted(set(timing) - set(STAGES))) if timing.get(stage, 0) > 0]
    if not stages:
        return ""
    total = sum(timing[stage] for stage in stages)
    bar = [element("i", class_=f"t-{text(stage)}", style=f"flex-grow:{max(timing[stage] / total, 0.004):.4f}") for stage in stages]
    legend = [
        element("span", element("i", class_=f"t-{text(stage)}"), text(f"{stage} {seconds_in_words(timing[stage])}"), class_="stage")
        for stage in stages
    ]
    return element("div", element("div", *bar, class_="bar"), element("p", *legend, class_="legend"), class_="timing")


def _trace(trace: Mapping[str, object]) -> str:
    if not trace.get("prompt_tokens") and not trace.get("completion_tokens"):
        return ""
    cached = f", {trace['cached_tokens']} of them cached" if trace.get("cached_tokens") else ""
    return element(
        "p", text(f"{trace.get('prompt_tokens', 0)} tokens read{cached}; {trace.get('completion_tokens', 0)} written"), class_="trace"
    )


def _thumb(step: Step, name: str, position: int, screens: Screens) -> str:
    width, height = step.seen.size
    picture = screens.show(step.seen, label=f"step {position + 1}")
    bad = " bad" if step.prediction.error is not None else ""
    return element(
        "a", picture, element("span", str(position + 1)), href=f"#{name}", class_=f"thumb{bad}", style=f"--w:{width};--h:{height}"
    )


def _about(episode: Episode) -> str:
    rows: Sequence[tuple[str, object]] = [
        ("episode", episode.id),
        ("started", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(episode.started))),
        *episode.meta.items(),
    ]
    cells = [element("dt", text(name)) + element("dd", text(_value(value), 2000)) for name, value in rows]
    return element("details", "<summary>What it was made of</summary>", element("dl", *cells), class_="about")


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
