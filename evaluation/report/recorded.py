"""The report on recorded steps: the summary's figures, and every step that did not fully succeed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evaluation.errors import DatasetError
from evaluation.metrics.base import Scored
from evaluation.pictures import Picture
from evaluation.predictions import Answer, Key
from evaluation.report.content import Group, Item, Report, Said
from evaluation.report.drawing import act_words, said_marks, wanted_marks
from evaluation.scoring import MISSING, Result
from evaluation.steps import EvalStep
from evaluation.summary import target_size, wanted_type

HEADLINES = {"step score": "step", "by episode": "step_macro", "step success": "step_success", "episode success": "episode_success"}
GROUPS = {
    "Parts of the score": "parts",
    "By action, as the authors average": "actions",
    "By what was wanted": "by_action",
    "By platform": "by_platform",
    "By split": "by_split",
    "By target size, of the screen": "by_target_size",
    "By step of the episode": "by_step_index",
}

Thought = Callable[[str, EvalStep], str]


def report_recorded(
    result: Result, told: Mapping[str, Any], answers: Mapping[Key, Answer] | None = None, thought: Thought = lambda text, step: ""
) -> Report:
    """The report of `result`, whose JSON is `told`. `thought` reads what a model thought out of its text."""
    summary, data = told["summary"], result.dataset
    variant = f", {data.variant}" if data.variant else ""
    run = told.get("run") or {}
    failed = [(position, each) for position, each in enumerate(result.scored) if not each.success]
    return Report(
        title=f"{run.get('model') or 'stored answers'} on {data.name}{variant}",
        subtitle=f"{summary['num_steps']:,} steps of {summary['num_episodes']:,} episodes, scored as {result.metric.name}",
        headlines={name: summary[key] for name, key in HEADLINES.items()}
        | ({"milestones": summary["milestones"]} if summary["milestones"] else {}),
        counts={
            "failed": f"{len(failed):,}",
            "missing": f"{summary['num_missing']:,}",
            "unreadable": f"{summary['num_unreadable']:,}",
            "scored by an alternative": f"{100 * summary['alternative_share']:.1f} %",
            **costs([answer.extra for answer in (answers or {}).values()]),
        },
        groups=tuple(Group(title=title, rows=summary[key]) for title, key in GROUPS.items() if summary[key]),
        items=tuple(_item(position, each, thought) for position, each in failed),
        items_title="Failed steps",
        about={"dataset": told["dataset"], "metric": told["metric"], "dialect": told["dialect"], **run},
        scores=tuple(each.score.score for each in result.scored),
        notes=_notes(result),
    )


def costs(extras: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Tokens and seconds of a run, where they were kept."""
    seconds = [float(extra["seconds"]) for extra in extras if extra.get("seconds")]
    read = sum(int(extra.get("prompt_tokens") or 0) for extra in extras)
    written = sum(int(extra.get("completion_tokens") or 0) for extra in extras)
    told = {"tokens read": f"{read:,}", "written": f"{written:,}"} if read or written else {}
    return told | ({"s an answer, median": f"{statistics.median(seconds):.2f}"} if seconds else {})


def shown(picture: Picture) -> Picture | None:
    """The picture; `None` where it is not there, which must not cost the report."""
    try:
        return picture if picture.size else None
    except DatasetError:
        return None


def step_tags(step: EvalStep, scored: Scored) -> dict[str, str]:
    """By what the page can be filtered."""
    tags = {
        "wanted": wanted_type(scored),
        "platform": step.platform,
        "split": step.split,
        "target": target_size(scored),
        "milestone": "milestone" if step.milestone else "",
        **step.tags,
    }
    return {name: value for name, value in tags.items() if value}


def wanted_words(step: EvalStep, picture: Picture | None) -> str:
    """The ground truth and its alternatives in words."""
    size = picture.size if picture else None
    return "\nor: ".join(act_words([wanted.act for wanted in option], size) for option in step.options)


def _item(position: int, each: Scored, thought: Thought) -> Item:
    step, picture = each.step, shown(each.step.picture)
    answered = act_words(each.acts, picture.size if picture else None)
    thinking = thought(each.text, step) if each.text else ""
    said = [
        Said(title="wanted", words=wanted_words(step, picture), tone="wanted"),
        Said(title="answered", words=answered or each.note, tone="said" if answered else "bad"),
        Said(title="thought", words=thinking),
        Said(title="note", words=each.note if answered else "", tone="bad"),
        Said(title="the recording's thought", words=step.thought, raw=True),
        Said(title="What the model wrote", words=each.text or "", raw=True),
    ]
    return Item(
        name=f"{step.episode} · {step.step}",
        title=step.task,
        score=each.score.score,
        badge=f"score {each.score.score:.2f}",
        picture=picture,
        marks=(*wanted_marks(step.options[each.score.option] if step.options else ()), *said_marks(each.acts)),
        said=tuple(one for one in said if one.words),
        tags={"outcome": _outcome(each), **step_tags(step, each)},
        position=position,
    )


def _outcome(each: Scored) -> str:
    if each.note:
        return "missing" if each.note == MISSING else "unreadable"
    if each.score.score >= 0.005:
        return "partly right"
    said = {act.type.lower() for act in each.acts}
    return "wrong" if said & {wanted.act.type.lower() for wanted in each.step.truth} else "another action"


def _notes(result: Result) -> tuple[str, ...]:
    notes = []
    if result.num_missing:
        notes.append(f"{result.num_missing:,} steps have no prediction and count as 0.")
    if result.unknown:
        notes.append(f"{len(result.unknown):,} predictions are to steps that the data set does not have; they are left out.")
    return tuple(notes)
