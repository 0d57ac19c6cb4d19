"""How many model texts the UI-TARS 1.5 dialect reads a second on one core, and how that compares with the `ui-tars` package.

With `--all`, also how many each dialect reads of the same answers in its own form; nothing published reads those.

python benchmarks/parse.py [--seconds 3] [--all] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

from actions.dialects import dialect_names, get_dialect
from actions.geometry import Frame, Size

SCREEN = Size(1920, 1080)
ROUNDS = 9
THOUGHT = (
    "The settings window is open now. The next thing to do is to turn on the option in the second row, which is still off, "
    "and then to confirm with the button at the lower right, so that the change is kept."
)
TEXTS = (
    "Thought: Click it.\nAction: click(point='<point>197 525</point>')",
    f"Thought: {THOUGHT}\nAction: click(start_box='(1034,548)')",
    f"Thought: {THOUGHT}\nAction: left_double(start_box='(1034,548)')",
    f"Thought: {THOUGHT}\nAction: drag(start_box='(100,200)', end_box='(700,800)')",
    f"Thought: {THOUGHT}\nAction: hotkey(key='ctrl shift t')",
    f"Thought: {THOUGHT}\nAction: type(content='Dear Ms Smith,\\nthank you for the report; it\\'s fine.\\n')",
    f"Thought: {THOUGHT}\nAction: scroll(start_box='(966,546)', direction='down')",
    f"Thought: {THOUGHT}\nAction: click(start_box='(10,20)')\n\ntype(content='hello')\n\nhotkey(key='enter')",
    "Thought: Wait for the page.\nAction: wait()",
    f"Thought: {THOUGHT}\nAction: finished(content='The total is 42.')",
)


def main() -> None:
    """Print predictions a second: the median of several rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to measure each parser")
    parser.add_argument("--all", action="store_true", help="measure every dialect")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    parsers = {"deftly": ours()}
    theirs = published()
    if theirs:
        parsers["ui_tars"] = theirs
    figures: dict[str, float | str] = dict(rates(parsers, options.seconds))
    if theirs:
        figures["ratio"] = round(float(figures["deftly"]) / float(figures["ui_tars"]), 2)
    else:
        figures["note"] = "the package ui-tars cannot be imported: no comparison was made (pip install ui-tars jsonschema)"
    if options.all:
        figures |= rates({name: in_own_form(name) for name in dialect_names()}, options.seconds)
    print(json.dumps(figures) if options.json else "\n".join(f"{name:>18}  {_shown(value)}" for name, value in figures.items()))


def rates(parsers: dict[str, Callable[[str], object]], seconds: float) -> dict[str, float]:
    """Texts a second of processor time, the median of rounds in turn, so that other jobs on the machine count little."""
    rounds: dict[str, list[float]] = {name: [] for name in parsers}
    for _ in range(ROUNDS):
        for name, parse in parsers.items():
            rounds[name].append(_round(parse, seconds / ROUNDS))
    return {name: round(statistics.median(figures), 1) for name, figures in rounds.items()}


def _round(parse: Callable[[str], object], seconds: float) -> float:
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for text in TEXTS:
            parse(text)
        count += len(TEXTS)
    return count / spent


def ours() -> Callable[[str], object]:
    """Our dialect; every text must be understood, or the figure would mean nothing."""
    dialect, frame = get_dialect("uitars-1.5"), Frame(SCREEN)
    for text in TEXTS:
        prediction = dialect.parse(text, frame)
        if prediction.error:
            raise SystemExit(f"{text!r} was not understood: {prediction.error}")
    return lambda text: dialect.parse(text, frame)


def in_own_form(name: str) -> Callable[[str], object]:
    """The dialect called so, on what the texts say in its own form; every text must be understood."""
    source, dialect, frame = get_dialect("uitars-1.5"), get_dialect(name), Frame(SCREEN)
    own = {text: dialect.format(source.parse(text, frame), frame) for text in TEXTS}
    for text in own.values():
        if error := dialect.parse(text, frame).error:
            raise SystemExit(f"{name}: {text!r} was not understood: {error}")
    return lambda text: dialect.parse(own[text], frame)


def published() -> Callable[[str], object] | None:
    """The published parser on the same texts, `None` where it is not installed."""
    try:
        from ui_tars.action_parser import parse_action_to_structure_output  # type: ignore[import-not-found]
    except ImportError:
        return None

    def parse(text: str) -> object:
        return parse_action_to_structure_output(text, 1000, SCREEN.height, SCREEN.width, model_type="qwen25vl")

    return parse


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


if __name__ == "__main__":
    main()
