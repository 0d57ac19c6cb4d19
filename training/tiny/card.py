"""Writes the model card of deftly-tiny from an evaluation report: `python -m training.tiny.card --report FILE --model DIR`."""

from __future__ import annotations

import argparse
import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

SOLVED = 0.8  # a task is called learnt from this success on


def write_card(report: dict[str, Any], model: Path, made: str) -> Path:
    """The card, as README.md in the model's folder."""
    tasks = sorted(report["tasks"], key=lambda task: (-task["success"], task["task"]))
    rows = "\n".join(map(_row, tasks))
    config = json.loads((model / "config.json").read_text())
    template = Template((files(__package__) / "card.md").read_text(encoding="utf-8"))
    text = template.substitute(
        parameters=f"{num_parameters(model) / 1e6:.1f}",
        learnt=sum(task["success"] >= SOLVED for task in tasks),
        tried=len(tasks),
        mean=f"{report['mean_success']:.0%}",
        rows=rows,
        tasks=", ".join(sorted(task["task"] for task in tasks)),
        vocabulary=f"{config.get('text_config', config)['vocab_size']:,}",
        made=made,
    )
    card = model / "README.md"
    card.write_text(text)
    return card


def _row(task: dict[str, Any]) -> str:
    cells = (task["task"], f"{task['success']:.0%} ± {task['standard_error']:.0%}", task["num_trials"], f"{task['mean_steps']:.1f}")
    return "| " + " | ".join(map(str, cells)) + " |"


def num_parameters(model: Path) -> int:
    """Numbers in the folder's weights; tied ones are stored once."""
    from math import prod

    from safetensors import safe_open

    count = 0
    for file in sorted(model.glob("*.safetensors")):
        with safe_open(file, "pt") as weights:
            count += sum(prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118 - not a mapping
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", type=Path, required=True, help="what `deftly eval miniwob --report` wrote")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--made", default="", help="a sentence on this training: time, screens, questions")
    options = parser.parse_args()
    write_card(json.loads(options.report.read_text()), options.model, options.made)


if __name__ == "__main__":
    main()
