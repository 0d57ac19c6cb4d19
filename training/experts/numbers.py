"""Experts for numbers: bring up one that fits, find the greatest, click them in order, guess one, draw one."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from actions.geometry import Point, Size
from actions.space import Click, Hotkey, TypeText
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import SELECT_ALL, SUBMIT, click, click_button
from training.experts.wording import Wording

SCREEN = Size(320, 320)  # places in thoughts are pixels of the task area at device scale 2
CARDS = ("1st", "2nd", "3rd")
LARGEST_CARD = 25
OTHER_CASES = 6  # instructions or histories made up for each page


class GenerateNumber:
    """A button that brings up a number from 0 to 10, until one fits."""

    task = "generate-number"
    wording = Wording("Generate {}, then press submit.")
    kinds = ("an even number", "an odd number")  # by what is left over when a number is halved

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (wanted,), shown = self.wording.read(instruction), page.first(id="display-number").text
        if not shown.isdigit():
            return Decision("generate a number", Click(point=page.first("button", id="generate").point))
        phrase = wanted.removeprefix("a number ").removeprefix("an ").removesuffix(" number")
        if self._fits(int(shown), wanted):
            return Decision(f'"{shown}" is {phrase}', Click(point=page.first("button", id="submit").point))
        return Decision(f'"{shown}" is not {phrase}', Click(point=page.first("button", id="generate").point))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """Any condition; a number shows that none before it was wanted, so the history is a guess."""
        done = ("generate a number",) if page.first(id="display-number").text.isdigit() else ()
        conditions = [*self.kinds, *(f"a number less than {n}" for n in range(5, 9)), *(f"a number greater than {n}" for n in range(2, 6))]
        for condition in rng.sample(conditions, len(conditions)):
            yield Question(self.wording.fill(condition), done)

    def _fits(self, number: int, wanted: str) -> bool:
        if wanted in self.kinds:
            return number % 2 == self.kinds.index(wanted)
        way, bound = wanted.split()[-3], int(wanted.split()[-1])
        return number < bound if way == "less" else number > bound


class FindGreatest:
    """Three cards, of which one at a time shows its number: turn them over in order, then the greatest again. Thoughts tell the numbers."""

    task = "find-greatest"
    wording = "Find and pick the card with the greatest number, then press submit."

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        cards, known = self._cards(page), self._told(history)
        shown = [card for card, element in cards.items() if "hidden" not in element.classes]
        seen = f'the {shown[0]} card is "{cards[shown[0]].text}": ' if shown else ""
        if shown:
            known[shown[0]] = int(cards[shown[0]].text)
        unknown = [card for card in CARDS if card not in known]
        wanted = unknown[0] if unknown else max(known, key=lambda card: known[card])
        if wanted in shown:
            return Decision(f'{seen}click "{SUBMIT}"', click_button(page, SUBMIT).action)
        return Decision(f"{seen}turn the {wanted} card", Click(point=cards[wanted].point))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """What the cards that do not show may have been."""
        cards = self._cards(page)
        shown = [card for card, element in cards.items() if "hidden" not in element.classes]
        if not shown:
            yield Question(self.wording)
            return
        place, number = CARDS.index(shown[0]), int(cards[shown[0]].text)
        asked: list[tuple[str, ...]] = []
        for _ in range(OTHER_CASES):
            numbers = rng.sample([n for n in range(LARGEST_CARD) if n != number], len(CARDS))
            numbers[place] = number
            told = [f'the {card} card is "{n}": turn the {after} card' for (card, after), n in zip(pairwise(CARDS), numbers, strict=False)]
            history = ["turn the 1st card", *told]
            if numbers[place] == max(numbers) and place < 2:  # it was turned over again
                history.append(f'the 3rd card is "{numbers[2]}": turn the {shown[0]} card')
                asked.append(tuple(history))
            asked.append(tuple(history[: place + 1]))
        yield from (Question(self.wording, done) for done in dict.fromkeys(asked))

    def _cards(self, page: Page) -> dict[str, Element]:
        return dict(zip(CARDS, page.where(lambda e: "card" in e.classes.split()), strict=True))

    def _told(self, history: Sequence[str]) -> dict[str, int]:
        found = (re.match(r'the (\w+) card is "(\d+)"', thought) for thought in history)
        return {match[1]: int(match[2]) for match in found if match}


class AscendingNumbers:
    """Five numbers, which are covered once the first is clicked: the thought of that click tells the places of the others."""

    task = "ascending-numbers"
    wording = "Click on the numbers in ascending order."
    last = 5

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        covers = page.all("rect")
        if not covers:
            return self._first({int(e.text): e.point for e in page.all("text")})
        number = self.last + 1 - len(covers)
        told = self._told(history).get(number)
        if told is None:
            raise LookupError(f"no thought tells where {number} is")
        return click(str(number), min(covers, key=lambda cover: math.dist(cover.point.to_pixel(SCREEN), told)))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """Covered numbers may stand in any order."""
        covers = page.all("rect")
        if not covers:
            yield Question(self.wording)
            return
        number = self.last + 1 - len(covers)
        gone = [Point(rng.uniform(0.15, 0.8), rng.uniform(0.15, 0.8)) for _ in range(1, number)]
        asked = []
        for _ in range(OTHER_CASES):
            places = [*gone, *(cover.point for cover in rng.sample(covers, len(covers)))]
            first = self._first({place + 1: point for place, point in enumerate(places)}).thought
            asked.append((first, *(f'click "{n}"' for n in range(2, number))))
        yield from (Question(self.wording, done) for done in dict.fromkeys(asked))

    def _first(self, places: dict[int, Point]) -> Decision:
        pixels = {number: point.to_pixel(SCREEN) for number, point in places.items()}
        told = ", ".join(f"{number} at {pixels[number][0]} {pixels[number][1]}" for number in sorted(pixels) if number > 1)
        return Decision(f'{told}: click "1"', Click(point=places[1]))

    def _told(self, history: Sequence[str]) -> dict[int, tuple[int, int]]:
        found = [re.findall(r"(\d) at (\d+) (\d+)", thought) for thought in history if thought.endswith(': click "1"')]
        return {int(number): (int(x), int(y)) for number, x, y in (found[-1] if found else [])}


NEXT_GUESS = {
    ("lower", 4): 1,
    ("higher", 4): 7,
    ("lower", 1): 0,
    ("higher", 1): 2,
    ("higher", 2): 3,
    ("lower", 7): 5,
    ("higher", 7): 8,
    ("higher", 5): 6,
    ("higher", 8): 9,
}


class GuessNumber:
    """A number from 0 to 9: by halves, so that the next guess follows from what the page says of the last one."""

    task = "guess-number"
    wording = "Guess the number between 0-9 and press Submit. Use the feedback below to find the right number."
    first = 4

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        field, (said, guess) = self._field(page), self._feedback(page)
        if not field.focused:
            return Decision("focus the number field", Click(point=field.box.at(0.3, 0.5)))
        if field.value == str(guess):
            return Decision("press enter", Hotkey(keys=("enter",)))
        if field.value and SELECT_ALL not in history[-1:]:
            return Decision(SELECT_ALL, Hotkey(keys=("ctrl", "a")))
        return Decision(f'{said}type "{guess}"', TypeText(text=str(guess)))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        field, (said, guess) = self._field(page), self._feedback(page)
        if not field.focused:
            yield Question(self.wording)
        elif field.value == str(guess):
            yield Question(self.wording, (f'{said}type "{guess}"',))

    def _field(self, page: Page) -> Element:
        return page.first("input", id="tt")

    def _feedback(self, page: Page) -> tuple[str, int]:
        """What the page says, as the beginning of a thought, and the guess that follows."""
        shown = next((e.text for e in page.elements if e.id in ("higher", "lower")), "")
        told = re.search(r"(lower|higher) than (\d)", shown)
        if told is None:
            return "", self.first
        way, number = told[1], int(told[2])
        return f'{way} than "{number}": ', NEXT_GUESS.get((way, number), self.first)


EXPERTS: list[Expert] = [GenerateNumber(), FindGreatest(), AscendingNumbers(), GuessNumber()]
