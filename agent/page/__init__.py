"""The page: episodes as one self-contained HTML file that needs no network. Whatever an episode says is text on it, never markup."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from agent.episode import Episode
from agent.page.episode import render_episode
from agent.page.index import render_index
from agent.page.markup import text
from agent.page.screens import Screens

__all__ = ["render_page", "write_page"]


def render_page(episodes: Sequence[Episode], title: str | None = None) -> str:
    """`episodes` as one HTML document; with more than one, an index of them comes first.

    Raises:
        ValueError: there are no episodes.
    """
    if not episodes:
        raise ValueError("there are no episodes to make a page of")
    screens = Screens()
    heading = title or (episodes[0].task if len(episodes) == 1 else "Deftly episodes")
    index = render_index(episodes, heading, screens) if len(episodes) > 1 else ""
    sections = "".join(render_episode(episode, number, screens, alone=not index) for number, episode in enumerate(episodes))
    script = _part("page.js")
    return Template(_part("page.html")).substitute(
        title=text(" ".join(heading.split())[:200]),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=_part("page.css"),
        screens=screens.render(),
        body=index + sections,
        script=script,
    )


def write_page(episodes: Sequence[Episode], path: str | os.PathLike[str], title: str | None = None) -> Path:
    """The page of `episodes` at `path`; its folder is made where there is none."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render_page(episodes, title), encoding="utf-8", errors="replace")
    return file


def _part(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
