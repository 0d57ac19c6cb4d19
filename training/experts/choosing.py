"""Tasks of check boxes and radio buttons: bring them into the state that the instruction asks for, then submit."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from actions.space import Click
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import SUBMIT, click_button
from training.experts.wording import Wording
from training.experts.words import synonyms

WORDING = Wording("Select {} and click Submit.")
NOTHING = "nothing"
OTHER_CHOICES = 9  # instructions made up for each page
MISSED = 0.15  # how often a box may be missing above one that is checked
MISTAKE = 0.3  # how often one of them finds a box checked that must not be; rare, as it is in use


def _labelled(page: Page, kind: str) -> list[tuple[str, Element]]:
    """The boxes of a kind in the page's order, each with the text of its label."""
    boxes = page.all("input", type=kind)
    if not boxes:
        raise LookupError(f"the page has no {kind}")
    return [(page.elements[box.parent].text, box) for box in boxes]


@dataclass(frozen=True, slots=True)
class CheckBoxes:
    """Takes wrong checks away, makes the missing ones in the instruction's order, submits."""

    task: str

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (listed,) = WORDING.read(instruction)
        wanted = [] if listed == NOTHING else listed.split(", ")
        boxes = _labelled(page, "checkbox")
        for label, box in boxes:
            if box.checked and label not in wanted:
                return Decision(f'uncheck "{label}"', Click(point=box.point))
        for name in wanted:
            missing = [box for label, box in boxes if label == name and not box.checked]
            if missing:
                return Decision(f'check "{name}"', Click(point=missing[0].point))
        return click_button(page, SUBMIT)

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """What is checked and some more; now and then a box is checked where the hand slipped from another."""
        boxes = _labelled(page, "checkbox")
        labels = [label for label, _ in boxes]
        checked = [label for label, box in boxes if box.checked]
        asked = [self._question(checked, [], labels)]
        for _ in range(OTHER_CHOICES):
            done, added = rng.sample(checked, len(checked)), self._some_more(boxes, rng)
            asked.append(self._question(done, added, labels))
        if checked and rng.random() < MISTAKE:
            done, added = rng.sample(checked, len(checked) - 1), self._some_more(boxes, rng)
            asked.append(self._question(done, added, labels, slips=1))
        return iter(dict.fromkeys(asked))

    @property
    def shuffled(self) -> bool:
        """Whether the page lists what it wants in any order, rather than from top to bottom."""
        return self.task in ("click-checkboxes-large", "click-checkboxes-transfer")

    def _some_more(self, boxes: list[tuple[str, Element]], rng: random.Random) -> list[str]:
        """Labels to be checked next: where the order is the page's, most often those after what is checked."""
        last = max((place for place, (_, box) in enumerate(boxes) if box.checked), default=-1)
        start = 0 if self.shuffled or rng.random() < MISSED else last + 1
        empty = [label for label, box in boxes[start:] if not box.checked]
        return rng.sample(empty, rng.randint(1, len(empty))) if empty else []

    def _question(self, done: list[str], added: list[str], labels: list[str], slips: int = 0) -> Question:
        """An instruction for all of `done` and `added`, with a history that checked `done`, and aimed at `slips` of `added` but missed."""
        if not self.shuffled:
            done, added = sorted(done, key=labels.index), sorted(added, key=labels.index)
        wanted = [*done, *added] if self.shuffled else sorted([*done, *added], key=labels.index)
        thoughts = [f'check "{label}"' for label in [*done, *added[:slips]]]
        return Question(WORDING.fill(", ".join(wanted) or NOTHING), tuple(thoughts))


@dataclass(frozen=True, slots=True)
class ChooseOption:
    """Chooses the radio button that the instruction names, submits."""

    task: str

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (wanted,) = WORDING.read(instruction)
        options = [box for label, box in _labelled(page, "radio") if label == wanted]
        if not options:
            raise LookupError(f"the page has no option {wanted!r}")
        if any(box.checked for box in options):
            return click_button(page, SUBMIT)
        return Decision(f'choose "{wanted}"', Click(point=options[0].point))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """Each label; once one is chosen, that one, and now and then another from which the hand slipped."""
        options = _labelled(page, "radio")
        chosen = [label for label, box in options if box.checked]
        others = sorted({label for label, box in options if not box.checked} - set(chosen))
        if chosen:
            others = rng.sample(others, 1) if others and rng.random() < MISTAKE else []
        for label in [*chosen, *others]:
            yield Question(WORDING.fill(label), (f'choose "{label}"',) if chosen else ())


class CheckSimilar:
    """Check boxes whose labels are similar to words of the instruction, in the instruction's order."""

    task = "click-checkboxes-soft"
    wording = Wording("Select words similar to {} and click Submit.")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        names = self.wording.read(instruction)[0].split(", ")
        meant = [(name, label, box) for name in names for label, box in _labelled(page, "checkbox") if self._similar(name, label)]
        for label, box in _labelled(page, "checkbox"):
            if box.checked and label not in [other for _, other, _ in meant]:
                return Decision(f'uncheck "{label}"', Click(point=box.point))
        for name, label, box in meant:
            if not box.checked:
                return Decision(self._thought(label, name), Click(point=box.point))
        return click_button(page, SUBMIT)

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """What is checked and some more, each called by any of the words that are similar to it."""
        boxes = _labelled(page, "checkbox")
        checked, empty = ([label for label, box in boxes if box.checked == state] for state in (True, False))
        asked: dict[str, tuple[str, ...]] = {}
        for _ in range(OTHER_CHOICES):
            done, added = rng.sample(checked, len(checked)), rng.sample(empty, rng.randint(0 if checked else 1, len(empty)))
            names = {label: rng.choice(self._group(label)) for label in [*done, *added]}
            asked[self.wording.fill(", ".join(names.values()))] = tuple(self._thought(label, names[label]) for label in done)
        yield from itertools.starmap(Question, asked.items())

    def _group(self, word: str) -> list[str]:
        return sorted(next(group for group in synonyms() if word in group))

    def _similar(self, one: str, other: str) -> bool:
        return any(one in group and other in group for group in synonyms())

    def _thought(self, label: str, name: str) -> str:
        return f'"{name}": check "{label}"'


EXPERTS: list[Expert] = [
    CheckSimilar(),
    CheckBoxes("click-checkboxes"),
    CheckBoxes("click-checkboxes-large"),
    CheckBoxes("click-checkboxes-transfer"),
    ChooseOption("click-option"),
]
