"""Small plots as SVG: a mean with its interval on an axis, and how scores are spread."""

from __future__ import annotations

from collections.abc import Sequence

from agent.page.markup import element
from evaluation.report.content import FigureJson

WIDTH, HEIGHT = 260, 18
BINS = 10


def interval_plot(figure: FigureJson, low: float, high: float) -> str:
    """One row: the axis with a tick at every quarter, the interval as a line, the mean as a dot."""
    ticks = "".join(f'<path class="tick" d="M{_x(low + (high - low) * quarter / 4, low, high)} 1V{HEIGHT - 1}"/>' for quarter in range(5))
    line = ""
    if figure["interval"]:
        left, right = (_x(value, low, high) for value in figure["interval"])
        line = f'<path class="whisker" d="M{left} {HEIGHT / 2}H{max(right, left + 0.5)}M{left} 5V{HEIGHT - 5}M{right} 5V{HEIGHT - 5}"/>'
    dot = f'<circle class="mean" cx="{_x(figure["mean"], low, high)}" cy="{HEIGHT / 2}" r="4.5"/>'
    return _svg("plot", WIDTH, HEIGHT, ticks + line + dot, in_words(figure))


def histogram(scores: Sequence[float]) -> str:
    """How many steps scored how much: ten columns, a full score in the last."""
    counts = [0] * BINS
    for score in scores:
        counts[min(BINS - 1, max(0, int(score * BINS)))] += 1
    top, width, height = max(counts), 52, 110
    columns = []
    for number, count in enumerate(counts):
        tall = 0.0 if not count else max(2.0, (height - 34) * count / top)
        x, y = number * width, height - 18 - tall
        columns.append(f'<rect class="column" x="{x + 3}" y="{y:.1f}" width="{width - 6}" height="{tall:.1f}" rx="3"/>')
        columns.append(f'<text class="count" x="{x + width / 2}" y="{y - 4:.1f}">{count or ""}</text>')
        columns.append(f'<text class="axis" x="{x + width / 2}" y="{height - 4}">{number / BINS:.1f}</text>')
    base = f'<path class="tick" d="M0 {height - 17.5}H{BINS * width}"/>'
    return _svg("histogram", BINS * width, height, base + "".join(columns), "how many steps got which score")


def percent(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:.1f} %"  # no minus before a zero


def amount(figure: FigureJson, value: float) -> str:
    """`value` as `figure` counts: in per cent, or plainly where it says so."""
    return f"{round(value, 3) + 0.0:.3f}" if figure.get("plain") else percent(value)


def in_words(figure: FigureJson) -> str:
    """The figure in words, for those who cannot see the plot."""
    interval = figure["interval"]
    return amount(figure, figure["mean"]) + (
        f", 95 % from {amount(figure, interval[0])} to {amount(figure, interval[1])}" if interval else ""
    )


def _x(value: float, low: float, high: float) -> float:
    share = (min(max(value, low), high) - low) / (high - low)
    return round(6 + share * (WIDTH - 12), 1)


def _svg(name: str, width: int, height: int, inner: str, words: str) -> str:
    return element("svg", inner, class_=name, viewBox=f"0 0 {width} {height}", role="img", aria_label=words)
