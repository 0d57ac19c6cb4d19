"""What an expert reads: the elements of a MiniWoB++ page with their places, and every visible character with its box."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from actions.geometry import Point

AREA_CSS_PX = 160
PAGES_FILE = "pages.jsonl"  # beside a demonstration's episode: the page behind each step


def _fraction(css_px: float) -> float:
    return min(1.0, max(0.0, css_px / AREA_CSS_PX))


class Box(NamedTuple):
    """A rectangle in CSS pixels of the task area (160x160, origin at its top left corner)."""

    x: float
    y: float
    width: float
    height: float

    @property
    def center(self) -> Point:
        """The middle of the part that lies inside the task area."""
        return self.at(0.5, 0.5)

    def at(self, across: float, down: float) -> Point:
        """The point `across`, `down` (fractions) of the part inside the area."""
        left, right = max(0.0, self.x), min(AREA_CSS_PX, self.x + self.width)
        top, bottom = max(0.0, self.y), min(AREA_CSS_PX, self.y + self.height)
        return Point(_fraction(left + (right - left) * across), _fraction(top + (bottom - top) * down))


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One visible element.

    `text` is all the text inside it, `own_text` only its own text nodes, `selection` the marked part of a text field's value, or all
    of the text that is marked on the page, where some of it is the element's.
    `spot` is where to click, as fractions of the visible part of its box: the middle, or well inside the uncovered part where the middle is
    covered. `hit` says that a click there reaches the element or a child of it.
    """

    tag: str
    id: str
    classes: str
    type: str
    text: str
    own_text: str
    value: str
    checked: bool
    selected: bool
    focused: bool
    disabled: bool
    hit: bool
    box: Box
    attributes: dict[str, str] = field(default_factory=dict)
    color: str = ""
    background: str = ""
    selection: str = ""
    spot: tuple[float, float] = (0.5, 0.5)
    index: int = 0
    parent: int = -1

    @property
    def point(self) -> Point:
        """Where to click it."""
        return self.box.at(*self.spot)


class Character(NamedTuple):
    """One visible character and its box in CSS pixels of the area."""

    char: str
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The page as an expert sees it; elements in document order."""

    elements: tuple[Element, ...]
    characters: tuple[Character, ...]

    def all(self, tag: str | None = None, **wanted: object) -> list[Element]:
        """Elements with this tag whose fields equal `wanted`."""
        return [e for e in self.elements if (tag is None or e.tag == tag) and all(getattr(e, k) == v for k, v in wanted.items())]

    def first(self, tag: str | None = None, **wanted: object) -> Element:
        """The first such element.

        Raises:
            LookupError: there is none.
        """
        found = self.all(tag, **wanted)
        if not found:
            raise LookupError(f"the page has no visible {tag or 'element'} with {wanted}")
        return found[0]

    def where(self, test: Callable[[Element], bool]) -> Iterator[Element]:
        return (e for e in self.elements if test(e))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Page:
        return cls(
            elements=tuple(Element(**{**e, "box": Box(*e["box"]), "spot": tuple(e.get("spot", (0.5, 0.5)))}) for e in data["elements"]),
            characters=tuple(Character(c[0], Box(*c[1:])) for c in data["characters"]),
        )


# Everything visible below #area (dialogs and menus that jQuery UI hangs on the body included), boxes relative to the area's corner.
READ_PAGE_JS = r"""() => {
  const top = 50, size = 160, elements = [], characters = [];
  const box = r => [r.left, r.top - top, r.width, r.height].map(v => Math.round(v * 100) / 100);
  const flat = (r, node) => node instanceof SVGGeometryElement && r.width + r.height > 0;  // a level or upright line
  const inside = (r, node) => (r.width > 0 && r.height > 0 || flat(r, node)) && r.right > 0 && r.left < size
    && r.bottom > top && r.top < top + size;
  const skip = new Set(['SCRIPT', 'STYLE', 'HEAD', 'META', 'TITLE', 'LINK', 'NOSCRIPT']);
  const harness = new Set(['query', 'reward-display', 'click-canvas', 'sync-task-cover', 'deftly-mark']);
  const shown = node => { const s = getComputedStyle(node); return s.visibility !== 'hidden' && s.display !== 'none' && +s.opacity !== 0; };
  const reached = (r, node, across, down) => {
    const left = Math.max(0, r.left), right = Math.min(size, r.right), upper = Math.max(top, r.top), lower = Math.min(top + size, r.bottom);
    const hit = document.elementFromPoint(left + (right - left) * across, upper + (lower - upper) * down);
    return !!hit && (hit === node || node.contains(hit) || hit.contains(node) && getComputedStyle(node).pointerEvents === 'none');
  };
  // The middle where it can be reached, else the cell of a grid that is farthest from any cell that cannot; null when none can.
  const spot = (r, node) => {
    if (reached(r, node, .5, .5)) return [.5, .5];
    const n = 11, free = [], taken = [];
    for (let i = -1; i <= n; i++) for (let j = -1; j <= n; j++) {
      const within = i >= 0 && j >= 0 && i < n && j < n;
      (within && reached(r, node, (i + .5) / n, (j + .5) / n) ? free : taken).push([i, j]);
    }
    let best = null, most = 0;
    for (const [i, j] of free) {
      const room = Math.min(...taken.map(([k, l]) => Math.hypot((i - k) * r.width, (j - l) * r.height)));
      if (room > most) { most = room; best = [(i + .5) / n, (j + .5) / n]; }
    }
    return best;
  };
  const marked = node => {
    const start = node.selectionStart, end = node.selectionEnd;  // null where the kind of field has none
    if (typeof start === 'number') return document.activeElement === node ? node.value.slice(start, end) : '';
    const words = getSelection();
    return words.isCollapsed || !words.containsNode(node, true) ? '' : words.toString();
  };
  const letters = (node, parent) => {
    const text = node.data, range = document.createRange();
    for (let i = 0; i < text.length; i++) {
      if (/\s/.test(text[i])) continue;
      range.setStart(node, i); range.setEnd(node, i + 1);
      const r = range.getBoundingClientRect();
      if (!inside(r, null)) continue;
      const hit = document.elementFromPoint(Math.min(size - .5, Math.max(0, (r.left + r.right) / 2)), (r.top + r.bottom) / 2);
      if (hit && (hit === parent || parent.contains(hit) || hit.contains(parent))) characters.push([text[i], ...box(r)]);
    }
  };
  // How far from a canvas's middle its outermost drawn pixel is, in 120 directions.
  const outline = node => {
    const w = node.width, h = node.height, data = node.getContext('2d').getImageData(0, 0, w, h).data, radii = [];
    for (let k = 0; k < 120; k++) {
      let r = Math.min(w, h) / 2 - 1;
      const drawn = () => data[4 * (Math.round(h / 2 + r * Math.sin(k * Math.PI / 60)) * w
        + Math.round(w / 2 + r * Math.cos(k * Math.PI / 60))) + 3] > 100;
      while (r > 0 && !drawn()) r -= .5;
      radii.push(r);
    }
    return radii.join(' ');
  };
  const visit = (node, parent) => {
    if (skip.has(node.tagName) || harness.has(node.id) || !shown(node)) return;
    const r = node.getBoundingClientRect(), style = getComputedStyle(node);
    let index = parent;
    if (node.id !== 'wrap' && node.id !== 'area' && node !== document.body && inside(r, node)) {
      index = elements.length;
      const attributes = {}, place = spot(r, node);
      for (const a of node.attributes) if (!['id', 'class', 'type', 'style'].includes(a.name)) attributes[a.name] = a.value.slice(0, 200);
      if (node.tagName === 'CANVAS' && node.width * node.height) attributes.outline = outline(node);
      elements.push({
        tag: node.tagName.toLowerCase(), id: node.id || '', classes: String(node.getAttribute('class') || ''),
        type: node.type ? String(node.type) : '',
        text: (node.textContent || '').replace(/\s+/g, ' ').trim(),
        own_text: [...node.childNodes].filter(c => c.nodeType === 3).map(c => c.data).join(' ').replace(/\s+/g, ' ').trim(),
        value: node.value !== undefined ? String(node.value) : '', checked: !!node.checked, selected: !!node.selected,
        focused: document.activeElement === node, disabled: !!node.disabled, hit: place !== null, spot: place || [.5, .5],
        box: box(r), selection: marked(node), attributes,
        color: node instanceof SVGElement ? (node.getAttribute('fill') || style.fill) : style.color,
        background: style.backgroundColor, index, parent });
    }
    for (const child of node.childNodes) {
      if (child.nodeType === 1) visit(child, index);
      else if (child.nodeType === 3 && child.data.trim()) letters(child, node);
    }
  };
  visit(document.body, -1);
  return { elements, characters };
}"""
