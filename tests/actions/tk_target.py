"""A program whose window says what happens to it: a JSON line for each event on its output; `clear` on its input empties it."""

from __future__ import annotations

import json
import sys
import tkinter as tk
from typing import Any


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    root = tk.Tk()
    root.title("target")
    root.geometry("800x500+100+50")
    entry = tk.Entry(root, width=70, font=("TkFixedFont", 12))
    entry.pack(padx=20, pady=10)
    pad = tk.Canvas(root, bg="white")
    pad.pack(fill="both", expand=True)
    seen = ""

    def watch_text() -> None:
        nonlocal seen
        if entry.get() != seen:
            seen = entry.get()
            say(kind="text", text=seen)
        root.after(10, watch_text)

    def clear(*_: Any) -> None:
        if not sys.stdin.readline():
            root.destroy()
            return
        entry.delete(0, "end")
        take_focus("cleared")

    def take_focus(then: str) -> None:
        """Say `then` once the display has given us the focus; a window manager may be late with giving it to another."""
        if root.focus_displayof() == entry:
            say(kind=then, entry=[entry.winfo_rootx(), entry.winfo_rooty()], pad=[pad.winfo_rootx(), pad.winfo_rooty()])
        else:
            entry.focus_force()
            root.after(50, take_focus, then)

    def report(kind: str) -> Any:
        return lambda event: say(kind=kind, x=event.x_root, y=event.y_root, button=event.num, state=event.state)

    for sequence in ("Button", "ButtonRelease", "Double-Button", "Triple-Button", "B1-Motion"):
        pad.bind(f"<{sequence}>", report(sequence), add=True)
    entry.bind("<KeyPress>", lambda event: say(kind="key", keysym=event.keysym, state=event.state), add=True)
    entry.bind("<KeyRelease>", lambda event: say(kind="key_up", keysym=event.keysym, state=event.state), add=True)
    # Tk's own Ctrl+A moves to the start; the common meaning is wanted here.
    entry.bind("<Control-a>", lambda _: (entry.select_range(0, "end"), "break")[1])
    root.createfilehandler(sys.stdin, tk.READABLE, clear)
    root.wait_visibility()
    take_focus("ready")
    watch_text()
    root.mainloop()


if __name__ == "__main__":
    main()
