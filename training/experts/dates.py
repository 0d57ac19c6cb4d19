"""Experts for dates and times: typed into the browser's own fields, or chosen from a calendar."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from actions.space import Click, TypeText
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import SUBMIT, click, click_button
from training.experts.wording import Wording

OTHER_TEXTS = 8  # instructions made up for each page
FIRST_DAY, NUM_DAYS = date(2010, 1, 1), 3652


class TypeInParts:
    """A field of parts that the browser goes through by itself: a click on the first part, then all of it is typed."""

    task: str
    wording: Wording
    name: str

    def typed(self, wanted: str) -> str:
        """What is typed to enter `wanted`."""
        raise NotImplementedError

    def value(self, wanted: str) -> str:
        """The field's value once `wanted` is entered."""
        raise NotImplementedError

    def some(self, rng: random.Random) -> str:
        """A date or time as an instruction writes it."""
        raise NotImplementedError

    def written(self, value: str) -> str:
        """A field's value as an instruction writes it."""
        raise NotImplementedError

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (wanted,), field, focus = self.wording.read(instruction), self._field(page), f"focus the {self.name}"
        if field.value == self.value(wanted):
            return click_button(page, SUBMIT)
        if not field.focused or focus not in history[-1:]:
            return Decision(focus, Click(point=field.box.at(0.12, 0.5)))
        return Decision(f'type "{self.typed(wanted)}"', TypeText(text=self.typed(wanted)))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        field, focus = self._field(page), f"focus the {self.name}"
        if field.value:
            held = self.written(field.value)
            yield Question(self.wording.fill(held), (focus, f'type "{self.typed(held)}"'))
            return
        for wanted in dict.fromkeys(self.some(rng) for _ in range(OTHER_TEXTS)):
            yield Question(self.wording.fill(wanted), (focus,) if field.focused else ())

    def _field(self, page: Page) -> Element:
        return page.first("input", id="tt")


class EnterDate(TypeInParts):
    """A date, typed as the instruction writes it."""

    task = "enter-date"
    wording = Wording("Enter {} as the date and hit submit.")
    name = "date field"

    def typed(self, wanted: str) -> str:
        return wanted

    def value(self, wanted: str) -> str:
        month, day, year = wanted.split("/")
        return f"{year}-{month}-{day}"

    def some(self, rng: random.Random) -> str:
        return (FIRST_DAY + timedelta(days=rng.randrange(NUM_DAYS))).strftime("%m/%d/%Y")

    def written(self, value: str) -> str:
        year, month, day = value.split("-")
        return f"{month}/{day}/{year}"


class EnterTime(TypeInParts):
    """A time, whose hour is typed with two digits and which is typed without a space, for that would open a list."""

    task = "enter-time"
    wording = Wording("Enter {} as the time and press submit.")
    name = "time field"

    def typed(self, wanted: str) -> str:
        return wanted.replace(" ", "").zfill(len("00:00AM"))

    def value(self, wanted: str) -> str:
        clock, half = wanted.split()
        hour, minute = map(int, clock.split(":"))
        return f"{hour % 12 + 12 * (half == 'PM'):02}:{minute:02}"

    def some(self, rng: random.Random) -> str:
        return f"{rng.randint(1, 12)}:{rng.randrange(60):02} {rng.choice(('AM', 'PM'))}"

    def written(self, value: str) -> str:
        hour, minute = map(int, value.split(":"))
        return f"{(hour - 1) % 12 + 1}:{minute:02} {'PM' if hour >= 12 else 'AM'}"


class ChooseDay:
    """A calendar of one month, which a click on the date field opens."""

    task = "choose-date-easy"
    wording = Wording("Select 12/{}/2016 as the date and hit submit.")
    num_days = 30

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (wanted,) = self.wording.read(instruction)
        if page.first("input", id="datepicker").value == f"12/{wanted}/2016":
            return click_button(page, SUBMIT)
        days = [day for day in page.all("a", text=str(int(wanted))) if "ui-state-default" in day.classes]
        if days:
            return click(str(int(wanted)), days[0])
        return Decision("open the calendar", Click(point=page.first("input", id="datepicker").point))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        chosen = page.first("input", id="datepicker").value
        opened = any("ui-state-default" in day.classes for day in page.all("a"))
        if chosen and not opened:
            day = chosen.split("/")[1]
            yield Question(self.wording.fill(day), ("open the calendar", f'click "{int(day)}"'))
            return
        for number in rng.sample(range(1, self.num_days + 1), 12 if opened else 3):
            yield Question(self.wording.fill(f"{number:02}"), ("open the calendar",) if opened else ())


EXPERTS: list[Expert] = [EnterDate(), EnterTime(), ChooseDay()]
