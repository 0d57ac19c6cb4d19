"""Experts for pages that hide text behind tabs or headings: open one after the other until the link shows."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from actions.space import Click
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import click, click_button
from training.experts.wording import Wording
from training.experts.words import word_list

LINKS_HERE, LINKS_ELSEWHERE = 8, 3  # instructions made up for each page


def _links(page: Page) -> list[Element]:
    return [element for element in page.where(lambda e: "alink" in e.classes.split()) if element.hit]


def _headings(page: Page) -> list[Element]:
    """The headings of an accordion. Its last paragraph, which holds the button, is one too as far as jQuery UI knows."""
    return page.all("h3")


def _tabs(page: Page) -> list[Element]:
    return list(page.where(lambda e: e.tag == "a" and "ui-tabs-anchor" in e.classes))


def _open_tab(page: Page) -> int | None:
    items = page.where(lambda e: e.tag == "li" and "ui-tabs-tab" in e.classes)
    return next((number for number, item in enumerate(items) if "ui-tabs-active" in item.classes), None)


def _open_section(page: Page) -> int | None:
    headings = _headings(page)
    return next((number for number, heading in enumerate(headings) if heading.attributes.get("aria-expanded") == "true"), None)


@dataclass(frozen=True, slots=True)
class ClickCollapsible:
    """One section, closed at first: open it, then submit."""

    task: str
    wording: ClassVar[str] = "Expand the section below and click submit."

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        if _open_section(page) is None:
            heading = _headings(page)[0]
            return click(heading.text, heading)
        return click_button(page, "Submit")

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        clicked = f'click "{_headings(page)[0].text}"'
        if _open_section(page) is None:
            yield Question(self.wording)
            yield Question(self.wording, (clicked, clicked))
        else:
            yield Question(self.wording, (clicked,))
            yield Question(self.wording, (clicked,) * 3)


class FindLink:
    """A link in one of several parts of which one shows at a time; the parts are opened in turn, the first after the last.

    Which part comes next is told by the one that is open, not by the history, so that a mistake costs no more than a step.
    """

    task: str
    wording: Wording

    def parts(self, page: Page) -> list[Element]:
        """What opens each part."""
        raise NotImplementedError

    def shown(self, page: Page) -> int | None:
        """The number of the part that is open."""
        raise NotImplementedError

    def open(self, part: Element) -> Decision:
        raise NotImplementedError

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (wanted,) = self.wording.read(instruction)
        for link in _links(page):
            if link.text == wanted:
                return Decision(f'click the link "{wanted}"', Click(point=link.point))
        return self._open_next(page)

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        done = self._done(page)
        here = list(dict.fromkeys(link.text for link in _links(page)))
        for text in rng.sample(here, min(len(here), LINKS_HERE)):
            yield Question(self.wording.fill(text), done)
        if len(self.parts(page)) > 1:
            for word in sorted({*rng.sample(word_list("lorem_words"), LINKS_ELSEWHERE)} - {*here}):
                yield Question(self.wording.fill(word), done)

    def _open_next(self, page: Page) -> Decision:
        shown, parts = self.shown(page), self.parts(page)
        return self.open(parts[0 if shown is None else (shown + 1) % len(parts)])

    def _done(self, page: Page) -> tuple[str, ...]:
        """How this part was come to, if the parts were opened in turn."""
        shown = self.shown(page)
        return () if shown is None else tuple(self.open(part).thought for part in self.parts(page)[: shown + 1])


class FindLinkInTabs(FindLink):
    """Three tabs, the first of which is open."""

    task = "click-tab-2"
    wording = Wording('Switch between the tabs to find and click on the link "{}".')

    def parts(self, page: Page) -> list[Element]:
        return _tabs(page)

    def shown(self, page: Page) -> int | None:
        return _open_tab(page)

    def open(self, part: Element) -> Decision:
        return Decision(f'click the tab "{part.text}"', Click(point=part.point))

    def _done(self, page: Page) -> tuple[str, ...]:
        return super()._done(page)[1:]


class FindLinkInOneTab(FindLinkInTabs):
    """A single tab."""

    task = "click-tab-2-easy"


class FindLinkInSections(FindLink):
    """Three sections, all closed at first."""

    task = "click-collapsible-2"
    wording = Wording('Expand the sections below, to find and click on the link "{}".')

    def parts(self, page: Page) -> list[Element]:
        return _headings(page)

    def shown(self, page: Page) -> int | None:
        return _open_section(page)

    def open(self, part: Element) -> Decision:
        return click(part.text, part)


class FindLinkInTwoTabs(FindLinkInTabs):
    """Two tabs, the second of which is empty: opening it is right where the first does not hold the link."""

    task = "click-tab-2-medium"


class FindLinkInSectionsAtOnce(FindLinkInSections):
    """The same without animation."""

    task = "click-collapsible-2-nodelay"


EXPERTS: list[Expert] = [
    ClickCollapsible("click-collapsible"),
    ClickCollapsible("click-collapsible-nodelay"),
    FindLinkInTabs(),
    FindLinkInOneTab(),
    FindLinkInTwoTabs(),
    FindLinkInSections(),
    FindLinkInSectionsAtOnce(),
]
