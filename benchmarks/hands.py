"""What an action costs and whether text arrives intact, on a virtual desktop: these hands and pyautogui, into the same window.

python benchmarks/hands.py [--rounds 10] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from actions.backends.x11 import X11Backend
from actions.executor import Executor
from actions.geometry import Geometry, Point
from actions.space import Click, Drag, Hotkey, TypeText
from agent.computers.virtual import VirtualDesktop

SCREEN = Geometry(left=0, top=0, width=1280, height=720)
TEXTS = {
    "100 characters of ASCII": ('The <quick> brown fox; jumps over 13 lazy dogs & says "ok" to user@example.org, path ~/x_y | z. ' * 2)[
        :100
    ],
    "100 characters of everything": ("Žluťoučký kůň – “naïve” café 日本語 한국어 Привет Ελληνικά 😀🎉 <b>ok</b> 100 € " * 2)[:100],
}
ARRIVAL_SECONDS = 3.0
# Prints its text when that changes; empties itself when told.
WINDOW = """
import json, sys, tkinter as tk
root = tk.Tk(); root.geometry("1200x300+20+20")
entry = tk.Entry(root, width=120); entry.pack(pady=20)
seen = ""
def watch():
    global seen
    if entry.get() != seen:
        seen = entry.get(); print(json.dumps(seen), flush=True)
    root.after(5, watch)
def clear(*_):
    sys.stdin.readline(); entry.delete(0, "end"); entry.focus_force(); watch()
root.createfilehandler(sys.stdin, tk.READABLE, clear)
root.wait_visibility(); entry.focus_force(); root.after(300, lambda: print(json.dumps("ready"), flush=True)); root.after(400, watch)
root.mainloop()
"""


class Window:
    """A text field in a process of its own."""

    def __init__(self, desktop: VirtualDesktop) -> None:
        self._process = desktop.launch([sys.executable, "-c", WINDOW], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._said: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._said.get(timeout=30)

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._said.put(json.loads(line))

    def clear(self) -> None:
        assert self._process.stdin
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        time.sleep(0.7)  # so that what comes is not taken as the consequence of what was
        while not self._said.empty():
            self._said.get()

    def arrives(self, text: str) -> bool:
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            try:
                if self._said.get(timeout=left) == text:
                    return True
            except queue.Empty:
                break
        return False


def main() -> None:
    """Print milliseconds by action, and how often each text arrived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=10, help="how often each thing is done")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with VirtualDesktop() as desktop:
        figures = {"deftly": measure_deftly(desktop, options.rounds), "pyautogui": measure_pyautogui(desktop, options.rounds)}
    if options.json:
        print(json.dumps(figures))
        return
    for who, done in figures.items():
        for what, figure in done.items():
            print(f"{who:<10} {what:<30} {figure}")


def measure_deftly(desktop: VirtualDesktop, rounds: int) -> dict[str, Any]:
    """The figures of our own hands."""
    opened = time.perf_counter()
    hands = Executor(X11Backend(desktop.display))
    figures: dict[str, Any] = {"open": f"{1000 * (time.perf_counter() - opened):.1f} ms"}
    places = [Point(0.1 + index % 40 / 50, 0.8 + index % 2 / 10) for index in range(10 * rounds)]
    figures["click"] = timed(lambda index: hands.perform(Click(point=places[index]), SCREEN), 10 * rounds)
    figures["hotkey"] = timed(lambda _: hands.perform(Hotkey(keys=("ctrl", "b")), SCREEN), 10 * rounds)
    figures["drag"] = timed(lambda index: hands.perform(Drag(path=(places[index], Point(0.5, 0.7))), SCREEN), rounds)
    window = Window(desktop)
    for name, text in TEXTS.items():
        figures[name] = typed(window, text, lambda text: hands.perform(TypeText(text=text), SCREEN), rounds)
    hands.close()
    return figures


def measure_pyautogui(desktop: VirtualDesktop, rounds: int) -> dict[str, Any]:
    """The same by pyautogui as it comes, save its failsafe, which a click in a corner would set off."""
    os.environ |= {"DISPLAY": desktop.display}
    import pyautogui

    pyautogui.FAILSAFE = False
    figures: dict[str, Any] = {}
    for name, pause in (("click", pyautogui.PAUSE), ("click, PAUSE = 0", 0)):
        pyautogui.PAUSE = pause
        figures[name] = timed(lambda index: pyautogui.click(100 + index % 800, 600), rounds)
    window = Window(desktop)
    for name, text in TEXTS.items():
        figures[name] = typed(window, text, pyautogui.write, rounds)
    return figures


def typed(window: Window, text: str, enter: Callable[[str], object], rounds: int) -> str:
    arrived, seconds = 0, []
    for _ in range(rounds):
        window.clear()
        began = time.perf_counter()
        enter(text)
        seconds.append(time.perf_counter() - began)
        arrived += window.arrives(text)
    return f"{in_ms(seconds)}, {arrived} of {rounds} arrived intact"


def timed(work: Callable[[int], object], rounds: int) -> str:
    seconds = []
    for index in range(rounds):
        began = time.perf_counter()
        work(index)
        seconds.append(time.perf_counter() - began)
    return in_ms(seconds)


def in_ms(seconds: list[float]) -> str:
    return f"median {1000 * statistics.median(seconds):.2f} ms (best {1000 * min(seconds):.2f})"


if __name__ == "__main__":
    main()
