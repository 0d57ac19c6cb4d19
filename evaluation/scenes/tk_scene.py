"""A Tk program: windows that open at once, soon and late, a click without effect, and typing."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from actions.space import Click, TypeText
from agent.capture import Capture
from agent.computers.virtual import VirtualDesktop
from evaluation.scenes import tk_program
from evaluation.scenes.base import Event, SceneError, point_at


class TkScene:
    """Raises `SceneError` when this Python has no Tk."""

    def __init__(self, desktop: VirtualDesktop, capture: Capture) -> None:
        if find_spec("_tkinter") is None:
            raise SceneError("this Python has no Tk: the Tk events are left out (`apt-get install python3-tk`, or another Python)")
        script = str(Path(tk_program.__file__))
        self._program = desktop.launch([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._program.stdin and self._program.stdout
        self._input, self._output = self._program.stdin, self._program.stdout
        said = self._output.readline()
        if not said:
            raise SceneError(f"the Tk program did not come up (exit code {self._program.wait(5)})")
        self._points = {name: point_at(x_px, y_px, capture.geometry) for name, (x_px, y_px) in json.loads(said).items()}

    def events(self) -> list[Event]:
        clicks = [("click without effect", "blank"), *((f"click: {name}", name) for name in tk_program.DELAYS_MS)]
        return [
            *(Event(name=name, action=Click(point=self._points[widget]), undo=self._reset) for name, widget in clicks),
            Event(name="focus an entry", action=Click(point=self._points["entry"]), undo=lambda: None),
            Event(name="type 3 letters", action=TypeText(text="abc"), undo=self._reset),
        ]

    def close(self) -> None:
        self._say("quit")
        self._program.wait(10)
        self._input.close()
        self._output.close()

    def __enter__(self) -> TkScene:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _reset(self) -> None:
        self._say("reset")

    def _say(self, word: str) -> None:
        self._input.write(f"{word}\n".encode())
        self._input.flush()
