"""The index of a page of several episodes: how they went in all, and a card for each."""

from __future__ import annotations

from collections.abc import Sequence

from agent.episode import Episode
from agent.page.episode import badges, name_of, seconds_in_words, tone_of
from agent.page.markup import element, text
from agent.page.screens import Screens


def render_index(episodes: Sequence[Episode], heading: str, screens: Screens) -> str:
    """The section that links to every episode."""
    cards = [_card(episode, number, screens) for number, episode in enumerate(episodes)]
    return element(
        "section",
        element("header", element("h1", text(heading, 2000)), element("p", *_totals(episodes), class_="totals")),
        element("div", *cards, class_="cards"),
        class_="index",
        id="index",
    )


def _totals(episodes: Sequence[Episode]) -> list[str]:
    solved = sum(tone_of(episode) == "good" for episode in episodes)
    steps = sum(len(episode.steps) for episode in episodes)
    figures = [
        (f"{solved}/{len(episodes)}", "solved"),
        (f"{solved / len(episodes):.0%}".replace("%", " %"), "success"),
        (str(steps), "steps"),
        (seconds_in_words(sum(episode.seconds for episode in episodes)), "in all"),
    ]
    return [element("span", element("b", figure), f" {unit}", class_="total") for figure, unit in figures]


def _card(episode: Episode, number: int, screens: Screens) -> str:
    if episode.steps:
        seen = episode.steps[-1].seen
        picture = screens.show(seen, label="the last screen")
    else:
        picture = element("p", "no step was recorded", class_="empty")
    kicker = element("small", text(name_of(episode), 100)) if name_of(episode) else ""
    words = element("div", kicker, element("h2", text(episode.task, 300)), element("p", badges(episode), class_="badges"), class_="words")
    return element("a", element("div", picture, class_="cover"), words, href=f"#e{number}", class_=f"card {tone_of(episode)}")
