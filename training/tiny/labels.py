"""Dense labels of a screen, read from the page behind it: for each patch, which letters and which kind of widget it shows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.experts.page import AREA_CSS_PX, Box, Element, Page
from training.tiny.architecture import GRID, PATCH_PX, SCREEN_PX

SCALE = SCREEN_PX / AREA_CSS_PX
SLOTS = 2  # letters a patch: its left and its right half
IGNORED = -100
LETTERS = [chr(code) for code in range(33, 127)]
LETTER_CLASS = {letter: index + 1 for index, letter in enumerate(LETTERS)}  # 0: no letter
NUM_LETTER_CLASSES = len(LETTERS) + 1
WIDGETS = [
    "none",
    "button",
    "text",
    "text-focused",
    "checkbox",
    "checkbox-on",
    "radio",
    "radio-on",
    "select",
    "textarea",
    "textarea-focused",
    "link",
    "tab",
    "tab-selected",
    "dialog",
    "close",
    "slider",
    "rect",
    "circle",
    "polygon",
    "svg-text",
    "canvas",
    "trash",
    "star",
    "swatch",
    "card",
    "card-hidden",
    "corner",
]
WIDGET_CLASS = {name: index for index, name in enumerate(WIDGETS)}


class Labels(NamedTuple):
    """`letters` `[20, 40]` and `widgets` `[20, 20]`, int8; rows from the top. -100 means: not known, do not learn."""

    letters: npt.NDArray[np.int8]
    widgets: npt.NDArray[np.int8]


def label(page: Page) -> Labels:
    """The labels of the screen behind which `page` lies."""
    letters = np.zeros((GRID, GRID * SLOTS), np.int8)
    widgets = np.zeros((GRID, GRID), np.int8)
    for element in page.elements:
        kind = widget_of(element)
        if kind is not None:
            rows, columns = _cells(element.box)
            widgets[rows, columns] = WIDGET_CLASS[kind]
            if element.tag in ("input", "textarea", "select") and element.value:
                letters[rows, columns.start * SLOTS : columns.stop * SLOTS] = IGNORED  # the page does not tell where typed letters are
    for character in page.characters:
        x, y = (character.box.x + character.box.width / 2) * SCALE, (character.box.y + character.box.height / 2) * SCALE
        row, column = int(y // PATCH_PX), int(x // (PATCH_PX // SLOTS))
        if 0 <= row < GRID and 0 <= column < GRID * SLOTS:
            letters[row, column] = LETTER_CLASS.get(character.char, IGNORED)
    return Labels(letters, widgets)


def _cells(box: Box) -> tuple[slice, slice]:
    """The patches whose middles lie in `box`, and at least the one that holds its middle."""

    def span(start: float, size: float) -> slice:
        first, last = (start * SCALE / PATCH_PX), ((start + size) * SCALE / PATCH_PX)
        low, high = int(np.ceil(first - 0.5)), int(np.floor(last - 0.5))
        if low > high:
            low = high = int((first + last) / 2)
        return slice(max(0, min(GRID - 1, low)), max(1, min(GRID, high + 1)))

    return span(box.y, box.height), span(box.x, box.width)


def widget_of(element: Element) -> str | None:
    """What `element` is to somebody who looks at it; `None` when it is only a frame for others."""
    classes = element.classes
    if element.tag == "input":
        if element.type in ("checkbox", "radio"):
            return element.type + ("-on" if element.checked else "")
        if element.type in ("button", "submit"):
            return "button"
        return "text-focused" if element.focused else "text"
    if element.tag == "textarea":
        return "textarea-focused" if element.focused else "textarea"
    if element.tag == "button":
        return "close" if "close" in classes else "button"
    if element.tag in ("select", "canvas"):
        return element.tag
    if element.tag in ("rect", "circle", "polygon"):
        return element.tag
    if element.tag == "text":
        return "svg-text"
    if "ui-tabs-active" in classes:
        return "tab-selected"
    if "ui-tabs-tab" in classes or ("ui-state-default" in classes and element.tag == "li"):
        return "tab"
    if "alink" in classes or element.tag == "a":
        return "link"
    if "ui-slider-handle" in classes:
        return "slider"
    if "ui-dialog-titlebar" in classes:
        return "dialog"
    if "ui-resizable-se" in classes:
        return "corner"
    if element.tag == "span" and "data-color" in element.attributes:
        return "swatch"
    names = classes.split()
    if "card" in names:
        return "card-hidden" if "hidden" in names else "card"
    return next((name for name in ("trash", "star") if name in names), None)
