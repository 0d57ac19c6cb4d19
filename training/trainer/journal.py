"""What a run tells while it goes on: a line a step for programs, TensorBoard, a plot of the loss, and progress in the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.durable import write_whole

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

WIDTH_PX, HEIGHT_PX, MARGIN_PX = 720, 320, 48


class Journal:
    """Of the run in `folder`; steps after `step` that an earlier start wrote, and that will be made again, are taken out."""

    def __init__(self, folder: Path, *, step: int, steps: int | None, tensorboard: bool, quiet: bool) -> None:
        self._file = folder / "metrics.jsonl"
        self._plot = folder / "loss.svg"
        self._rows = [row for row in read_metrics(self._file) if row["step"] <= step]
        write_whole(self._file, "".join(json.dumps(row) + "\n" for row in self._rows).encode())
        self._lines = self._file.open("a")
        self._board = _board(folder / "tensorboard", step) if tensorboard else None
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        if not quiet:
            self._progress, self._bar = _progress(step, steps)

    def step(self, row: Mapping[str, Any]) -> None:
        """Keep what one step, or one look at the held-out samples, measured; `row` has a `step`."""
        self._rows.append(dict(row))
        self._lines.write(json.dumps(row) + "\n")
        self._lines.flush()
        if self._board is not None:
            for name, value in row.items():
                if isinstance(value, float):
                    self._board.add_scalar(name, value, row["step"])
        if self._progress is not None and self._bar is not None and "loss" in row:
            words = f"loss {row['loss']:.4f}  {row['tokens_per_second']:,.0f} tokens/s"
            self._progress.update(self._bar, completed=row["step"], description=words)

    def text(self, name: str, words: str, step: int) -> None:
        if self._board is not None:
            self._board.add_text(name, words, step)

    def plot(self) -> None:
        """Draw the loss so far."""
        write_whole(self._plot, loss_plot(self._rows).encode())

    def close(self) -> None:
        self.plot()
        self._lines.close()
        if self._board is not None:
            self._board.close()
        if self._progress is not None:
            self._progress.stop()


def read_metrics(file: Path) -> list[dict[str, Any]]:
    """The rows of a run, without a last line that a killed process left torn."""
    rows: list[dict[str, Any]] = []
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def _board(folder: Path, step: int) -> Any:
    """TensorBoard's writer, where it is installed; an earlier start's steps after `step` are hidden."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1)


def _progress(step: int, steps: int | None) -> tuple[Progress, TaskID]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar.start()
    return bar, bar.add_task("starting", total=steps, completed=step)


def loss_plot(rows: Sequence[Mapping[str, Any]]) -> str:
    """An SVG with the loss of every step, its running mean, and the held-out loss."""
    losses = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    held_out = [(row["step"], row["held_out_loss"]) for row in rows if "held_out_loss" in row]
    if not losses:
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{HEIGHT_PX}"/>\n'
    last = max(step for step, _ in losses)
    highest = max(loss for _, loss in (*losses, *held_out)) * 1.05
    lines = [_line(points, last, highest, style) for points, style in ((losses, "#b9c7dd;1"), (_smooth(losses), "#1f5fbf;2"))]
    lines += [_line(held_out, last, highest, "#d2691e;2")] if held_out else []
    labels = [(MARGIN_PX - 6, MARGIN_PX // 2 + 4, f"{highest:.2f}", "end"), (MARGIN_PX - 6, HEIGHT_PX - MARGIN_PX // 2, "0", "end")]
    labels += [
        (WIDTH_PX - MARGIN_PX // 2, HEIGHT_PX - 6, f"step {last}", "end"),
        (MARGIN_PX, 14, "loss, held out in orange", "start"),
    ]
    words = [f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>' for x, y, text, anchor in labels]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{HEIGHT_PX}" font-family="sans-serif" font-size="11">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *lines, *words, "</svg>\n"])


def _smooth(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    mean = points[0][1]
    smooth = []
    for step, loss in points:
        mean += 0.05 * (loss - mean)
        smooth.append((step, mean))
    return smooth


def _line(points: Sequence[tuple[int, float]], last: int, highest: float, style: str) -> str:
    colour, width = style.split(";")
    inside = WIDTH_PX - 1.5 * MARGIN_PX, HEIGHT_PX - MARGIN_PX
    at = (f"{MARGIN_PX + inside[0] * s / last:.1f},{MARGIN_PX / 2 + inside[1] * (1 - v / highest):.1f}" for s, v in points)
    return f'<polyline fill="none" stroke="{colour}" stroke-width="{width}" points="{" ".join(at)}"/>'
