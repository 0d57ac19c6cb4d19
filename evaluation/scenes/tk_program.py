"""A Tk program for the step bench: run as a script, it prints where its widgets are and obeys `reset` and `quit` on its input."""

from __future__ import annotations

import json
import sys
import tkinter as tk
from functools import partial

DELAYS_MS = {"window at once": 0, "window after 150 ms": 150, "window after 600 ms": 600}


class Program:
    """A window with an entry, and buttons that each open a window after a delay."""

    def __init__(self) -> None:
        self.root = tk.Tk()
        self.root.title("Step bench")
        self.root.geometry("760x520+80+80")
        self.opened: list[tk.Toplevel] = []
        self.widgets: dict[str, tk.Widget] = {"blank": tk.Frame(self.root, width=300, height=120)}
        for name, delay in DELAYS_MS.items():
            self.widgets[name] = tk.Button(self.root, text=name, width=24, command=partial(self.root.after, delay, self.open_window))
        self.entry = tk.Entry(self.root, width=32)
        self.widgets["entry"] = self.entry
        for widget in self.widgets.values():
            widget.pack(pady=12)
        self.root.createfilehandler(sys.stdin, tk.READABLE, self.obey)
        self.root.after(300, self.report)

    def open_window(self) -> None:
        window = tk.Toplevel(self.root)
        window.title("Opened")
        window.geometry("520x380+900+420")
        tk.Label(window, text="This window was opened by a click.").pack(pady=40)
        tk.Button(window, text="OK", width=12).pack()
        self.opened.append(window)

    def report(self) -> None:
        """Where the middle of each widget is on the desktop, once the window manager has put the window in its place."""
        self.root.update()
        places = {
            name: (widget.winfo_rootx() + widget.winfo_width() // 2, widget.winfo_rooty() + widget.winfo_height() // 2)
            for name, widget in self.widgets.items()
        }
        print(json.dumps(places), flush=True)

    def obey(self, *_: object) -> None:
        if sys.stdin.readline().strip() != "reset":
            self.root.destroy()
            return
        for window in self.opened:
            window.destroy()
        self.opened.clear()
        self.entry.delete(0, tk.END)


if __name__ == "__main__":
    Program().root.mainloop()
