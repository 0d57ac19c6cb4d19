"""Deftly's own episodes as exchanges: each step that acted, as the model was shown it, or would be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent.context import build_messages, own_words
from agent.episode import Episode, EpisodeError, list_episodes
from agent.screenshot import Screenshot
from agent.step import Step
from inference.families import Family
from training.data.exchange import Exchange, Items, LeftOut, Problem


def read_episodes(root: Path, family: Family, *, min_reward: float | None = None) -> Items:
    """The steps of every episode under `root`; with `min_reward`, only of those whose judge gave as much."""
    folders = list_episodes(root)
    if not folders:
        yield Problem(source=str(root), name="", what="there are no episodes here: name the folder that holds them")
    for folder in folders:
        try:
            episode = Episode.open(folder)
        except (EpisodeError, OSError) as error:
            yield Problem(source=str(folder), name="", what=str(error))
            continue
        if not episode.steps:
            yield Problem(source=str(folder), name="", what="the episode has no steps")
        elif min_reward is not None and (episode.reward is None or episode.reward < min_reward):
            yield LeftOut(source=str(folder), name="", why=f"its reward is below {min_reward:g}, or nobody judged it")
        else:
            yield from steps_as_exchanges(episode.task, episode.steps, family, source=str(folder))


def steps_as_exchanges(task: str, steps: Sequence[Step], family: Family, *, source: str) -> Items:
    """What a model of `family` would be shown at each of `steps`, and what it would say."""
    for number, step in enumerate(steps):
        name = f"step {step.index + 1}"
        if step.prediction.error is not None or not step.prediction.actions:
            yield LeftOut(source=source, name=name, why="the model's answer was not one that could be read")
            continue
        if "slip" in step.trace:
            yield LeftOut(source=source, name=name, why="the expert's hand slipped here on purpose")
            continue
        try:
            messages = build_messages(task, steps[:number], step.seen, family)
            answer = own_words(step, family)
        except ValueError as error:
            yield Problem(source=source, name=name, what=str(error))
            continue
        yield Exchange(source=source, name=name, thread=source, messages=messages, answer=answer)


def screen_of(path: Path) -> Screenshot:
    """The picture at `path` as a screenshot; its pixels are read when someone looks at them.

    Raises:
        ValueError: there is no picture there that can be read.
    """
    import hashlib

    from PIL import Image, UnidentifiedImageError

    from actions.geometry import Geometry

    try:
        data = path.read_bytes()
        with Image.open(path) as picture:
            width, height = picture.size
    except FileNotFoundError as error:
        raise ValueError(f"the picture {path} is missing") from error
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"the picture {path} cannot be read: {error}") from error
    where = Geometry(left=0, top=0, width=width, height=height)
    return Screenshot(geometry=where, taken_at=0.0, png=path.read_bytes, sha256=hashlib.sha256(data).hexdigest())
