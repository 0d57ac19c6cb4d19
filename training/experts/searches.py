"""Experts for searches: a form with labels in any order, and results over several pages."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from actions.space import Click
from training.experts.base import Decision, Expert, Question
from training.experts.filling import OTHER_TEXTS
from training.experts.page import Element, Page
from training.experts.steps import click, click_button, fill, fill_history
from training.experts.wording import Wording
from training.experts.words import word_list

GENRES = (
    "action",
    "adventure",
    "comedy",
    "crime",
    "drama",
    "fantasy",
    "historical",
    "horror",
    "mystery",
    "paranoid",
    "political",
    "romance",
    "saga",
    "satire",
    "surreal",
    "thriller",
    "urban",
    "western",
)
FIRST_YEAR, LAST_YEAR = 1970, 2017
LABELS = {"genre": {"genre"}, "director": {"director"}, "year": {"year", "date"}}  # words of the labels by field
BUTTONS = ("Submit", "Search", "Go!")
NUMBERS = ("1st", "2nd", "3rd", *(f"{n}th" for n in range(4, 10)))
RESULTS_A_PAGE = 3


@dataclass(frozen=True, slots=True)
class MovieSearch:
    """Three text fields, from top to bottom, each beside, below or above its label; then the button."""

    task: str
    wording: ClassVar[Wording] = Wording("Search for {} movies directed by {} from year {}.")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        wanted = dict(zip(LABELS, self.wording.read(instruction), strict=True))
        for name, field in self._fields(page):
            step = fill(field, f"{name} field", wanted[name])
            if step is not None:
                return step
        button = next(page.where(lambda e: e.own_text in BUTTONS and e.tag in ("button", "div")))
        return click(button.own_text, button)

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        fields = self._fields(page)
        done = tuple(thought for name, field in fields for thought in fill_history(field, f"{name} field"))
        held = {name: field.value for name, field in fields if field.value}
        asked = []
        for _ in range(OTHER_TEXTS):
            year = str(rng.randint(FIRST_YEAR, LAST_YEAR))
            made_up = {"genre": rng.choice(GENRES), "director": rng.choice(word_list("LAST_NAMES")), "year": year}
            asked.append(self.wording.fill(*(held.get(name, made_up[name]) for name in LABELS)))
        yield from (Question(instruction, done) for instruction in dict.fromkeys(asked))

    def _fields(self, page: Page) -> list[tuple[str, Element]]:
        """The fields from top to bottom, each with its name; labels come in the same order."""
        labels = [set(re.findall("[a-z]+", element.own_text.lower())) for element in page.elements]
        named = [name for words in labels for name, known in LABELS.items() if words & known]
        return list(zip(named, page.all("input", type="text"), strict=True))


class SearchEngine:
    """A name to search for, then the n-th of nine results, three on each of three pages, chosen by their numbers."""

    task = "search-engine"
    wording = Wording('Use the textbox to enter "{}" and press "Search", then find and click the {} search result.')

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        name, which = self.wording.read(instruction)
        step = fill(page.first("input", id="search-text"), "text field", name)
        results = list(page.where(lambda e: "search-title" in e.classes))
        if step is not None:
            return step
        if not results or results[0].attributes["data-result"] == "-1":
            return click_button(page, "Search")
        number = NUMBERS.index(which)
        wanted = str(number // RESULTS_A_PAGE + 1)
        if wanted != self._page_number(page):
            return Decision(f"go to page {wanted}", Click(point=page.first("a", classes="page-link", text=wanted).point))
        return Decision(f"click the {which} result", Click(point=results[number % RESULTS_A_PAGE].point))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        field = page.first("input", id="search-text")
        done, results = fill_history(field, "text field"), list(page.where(lambda e: "search-title" in e.classes))
        found = bool(results) and results[0].attributes["data-result"] != "-1"
        if found:
            done = (*done, 'click "Search"')
            number = self._page_number(page)
            done = done if number == "1" else (*done, f"go to page {number}")
        for which in NUMBERS if found else rng.sample(NUMBERS, OTHER_TEXTS):
            if not found or self._page_number(page) in ("1", str(NUMBERS.index(which) // RESULTS_A_PAGE + 1)):
                yield Question(self.wording.fill(field.value or rng.choice(word_list("FIFTY_NAMES")), which), done)

    def _page_number(self, page: Page) -> str:
        return next(page.where(lambda e: e.classes == "page-item active")).text


EXPERTS: list[Expert] = [MovieSearch("multi-orderings"), MovieSearch("multi-layouts"), SearchEngine()]
