"""What a run looks like in the terminal: each step as it happens, with its thought, actions and timing, and how it ended."""

from __future__ import annotations

from rich.console import Console
from rich.status import Status
from rich.text import Text

from agent.agent import Observer
from agent.episode import Episode
from agent.step import Step
from agent.words import in_words

_DOING = {"look": "looking", "decide": "deciding", "approve": "asking", "act": "acting"}
_ENDED = {0: "green", 3: "yellow", 4: "yellow", 5: "cyan", 130: "yellow"}
LONGEST = 300  # characters of a model's text that are shown; the episode has them all


class Progress(Observer):
    """Prints a run to `console` while it goes on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def on_start(self, episode: Episode) -> None:
        self._console.print(Text.assemble(("task  ", "bold"), shown(episode.task)))

    def on_stage(self, episode: Episode, stage: str) -> None:
        self._still()
        if stage != "approve":  # somebody may be typing an answer
            self._status = self._console.status(f"{_DOING.get(stage, stage)} …")
            self._status.start()

    def on_step(self, episode: Episode, step: Step) -> None:
        self._still()
        for line in step_lines(step):
            self._console.print(line)

    def on_end(self, episode: Episode) -> None:
        self._still()

    def _still(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def step_lines(step: Step) -> list[Text]:
    """`step` as lines: what was thought, what was done, what is to be known about it."""
    timing = "  ".join(f"{stage} {seconds:.2f} s" for stage, seconds in step.timing.items() if seconds >= 0.005)
    said = step.prediction.thought or ("nothing that could be read" if step.prediction.error else "")
    lines = [Text.assemble((f"{step.index + 1:>4}  ", "bold"), shown(said), ("  " + timing, "dim"))]
    if step.prediction.error:
        lines.append(Text(f"      ! {shown(step.prediction.error)}", "red"))
    done = [outcome.action for outcome in step.outcomes]
    for number, action in enumerate(step.prediction.actions):
        performed = done[number] if number < len(done) else action
        lines.append(Text(f"      → {shown(in_words(performed))}", "cyan"))
    notes = [outcome.note for outcome in step.outcomes if outcome.note]
    lines += [Text(f"      {shown(note)}", "dim") for note in (*notes, *step.notes, *step.feedback.splitlines())]
    return lines


def end_line(status: str, exit_code: int, message: str) -> Text:
    """How a run ended."""
    return Text.assemble((f"{status.replace('_', ' ')}: ", f"bold {_ENDED.get(exit_code, 'red')}"), shown(message))


def shown(text: str) -> str:
    """`text` on one line and safe for a terminal: a model's words must not move the cursor or colour what follows."""
    line = "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
