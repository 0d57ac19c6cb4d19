"""The table of docs/dialects.md, dialect × action: what each family says in its own words, and what is said for it in its syntax.

Every cell was written and read back before it is printed. A test keeps the page up to date.

python scripts/dialect_table.py --write
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from actions.dialects import DIALECTS, get_dialect
from actions.geometry import Frame, Point, Size
from actions.phone import LongPress, OpenApp, PressBack, PressHome, PressRecent
from actions.space import (
    Action,
    ButtonDown,
    ButtonUp,
    CallUser,
    Click,
    Drag,
    Failed,
    Finished,
    Hotkey,
    KeyDown,
    KeyUp,
    Move,
    Prediction,
    Scroll,
    TakeScreenshot,
    TypeText,
    Wait,
)

PAGE = Path(__file__).parents[1] / "docs" / "dialects.md"
BEGIN, END = "<!-- table of scripts/dialect_table.py -->", "<!-- end of the table -->"
FRAME = Frame(Size(1920, 1080))
A, B = Point(0.5, 0.25), Point(0.25, 0.75)
ROWS: list[tuple[str, tuple[Action, ...]]] = [
    ("click", (Click(point=A),)),
    ("double click", (Click(point=A, count=2),)),
    ("triple click", (Click(point=A, count=3),)),
    ("right click", (Click(point=A, button="right"),)),
    ("middle click", (Click(point=A, button="middle"),)),
    ("click with keys held", (Click(point=A, modifiers=("ctrl",)),)),
    ("move", (Move(point=A),)),
    ("drag", (Drag(path=(A, B)),)),
    ("drag along a path", (Drag(path=(A, B, A)),)),
    ("button down, up", (ButtonDown(point=A), ButtonUp())),
    ("scroll down, up", (Scroll(point=A, dy=-5), Scroll(point=A, dy=5))),
    ("scroll left, right", (Scroll(point=A, dx=-5), Scroll(point=A, dx=5))),
    ("scroll where the pointer is", (Scroll(dy=-5),)),
    ("scroll by other amounts", (Scroll(point=A, dy=-2),)),
    ("type", (TypeText(text="hi\n"),)),
    ("key", (Hotkey(keys=("enter",)),)),
    ("hotkey", (Hotkey(keys=("ctrl", "c")),)),
    ("key down, up", (KeyDown(key="shift"), KeyUp(key="shift"))),
    ("wait", (Wait(),)),
    ("wait so long", (Wait(seconds=2.0),)),
    ("screenshot", (TakeScreenshot(),)),
    ("finished", (Finished(),)),
    ("finished with an answer", (Finished(answer="42"),)),
    ("failed", (Failed(),)),
    ("call user", (CallUser(question="Which?"),)),
    ("long press", (LongPress(point=A),)),
    ("open app", (OpenApp(app_name="Clock"),)),
    ("home, back", (PressHome(), PressBack())),
    ("recent apps", (PressRecent(),)),
]
_UI_TARS = "click left_double right_single drag hotkey type scroll wait finished call_user hover keydown keyup"
_UI_TARS_PHONE = "long_press open_app press_home press_back"
_QWEN = """key type mouse_move left_click left_click_drag right_click middle_click double_click triple_click scroll hscroll wait answer
    terminate"""
# The words that each family publishes; a word with one of OURS among its arguments is ours all the same.
PUBLISHED: dict[str, tuple[str, str]] = {
    "uitars-1.0": ("UI-TARS 1.0, 1.5, Doubao", f"{_UI_TARS} {_UI_TARS_PHONE}"),
    "uitars-2": ("UI-TARS-2", f"{_UI_TARS} mouse_down mouse_up move_to press release"),
    "opencua": (
        "OpenCUA, Kimi",
        """click doubleClick rightClick middleClick triple_click moveTo dragTo mouseDown mouseUp scroll hscroll write press hotkey
        keyDown keyUp wait terminate call_user""",
    ),
    "qwen3-vl": ("Qwen2.5-VL, Qwen3-VL", f"{_QWEN} key_down key_up"),
    "gui-owl": ("GUI-Owl", f"{_QWEN} interact"),
    "qwen3-vl-mobile": ("Qwen and GUI-Owl, phone", "click long_press swipe type key system_button open wait answer terminate interact"),
    "anthropic": (
        "Anthropic",
        """key type mouse_move left_click left_click_drag right_click middle_click double_click triple_click scroll wait
        left_mouse_down left_mouse_up hold_key screenshot""",
    ),
    "openai": ("OpenAI", "click double_click scroll type wait move keypress drag screenshot"),
    "glm-v": ("GLM-V", "left_click right_click middle_click hover left_double_click left_drag key type scroll WAIT DONE FAIL"),
    "holo": ("Holo", "click_element write_element_abs scroll go_back refresh goto wait answer"),
    "ui-venus": (
        "UI-Venus-2, phone",
        """Click Drag Swipe DoubleClick LongPress Type LaunchApp Wait CallUser GetScreenshot PressBack PressHome PressEnter
        PressRecent Answer Finished""",
    ),
    "ui-venus-computer": (
        "UI-Venus-2, computer",
        """Click DoubleClick TripleClick RightClick MiddleClick Hover Drag Swipe Scroll MouseDown MouseUp Type Hotkey KeyDown KeyUp
        Wait CallUser Finished""",
    ),
}
OURS = re.compile(
    r"""\b(?:count|modifiers|via|amount|dx|dy|path|question)\b['"]?\s*[=:] | "point":
      | <parameter=(?:count|modifiers|amount|dx|via)> | start_point='\( | failed""",
    re.VERBOSE,
)
OPENAI_OWN = re.compile(r'"type": "drag", "path"')
WORD = re.compile(
    r"""\"(?:action|type)":[ ]"(\w+)" | <function=(\w+)> | \b(?:pyautogui|computer)\.(\w+)\(
      | (?:\A|\n|<action>|Action:[ ]|\[)([A-Za-z_]\w*)\(""",
    re.VERBOSE,
)


def cell(name: str, actions: tuple[Action, ...]) -> str:
    """`✓` for the family's own words, `+` for ours in its syntax.

    Raises:
        ValueError: what was written is not read back.
    """
    dialect = get_dialect(name)
    text = dialect.format(Prediction(actions=actions), FRAME)
    again = dialect.parse(text, FRAME)
    if again.error or [type(each) for each in again.actions] != [type(each) for each in actions]:
        raise ValueError(f"{name} does not read back {text!r}: {again.error or again.actions}")
    words = {next(filter(None, found)) for found in WORD.findall(text)} - {"Sequence"}
    ours = OURS.search(OPENAI_OWN.sub("", text)) is not None
    return "✓" if words and words <= set(PUBLISHED[name][1].split()) and not ours else "+"


def table() -> str:
    """The table in Markdown."""
    titles = [title for title, _ in PUBLISHED.values()]
    lines = [f"| action | {' | '.join(titles)} |", f"|---|{'---|' * len(titles)}"]
    lines += [f"| {label} | {' | '.join(cell(name, actions) for name in PUBLISHED)} |" for label, actions in ROWS]
    return "\n".join(lines)


def names() -> str:
    """The dialects with the space of their coordinates and their further names, in Markdown."""
    lines = ["| name | space | also called |", "|---|---|---|"]
    for entry in DIALECTS.entries():
        if entry.origin == "deftly":
            aliases = ", ".join(f"`{alias}`" for alias in DIALECTS.aliases_of(entry))
            lines.append(f"| `{entry.name}` | {getattr(entry.load(), 'family_coordinates', '')} | {aliases} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with both tables brought up to date."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{names()}\n\n{table()}\n\n{END}{after}"


def main() -> None:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(description="The tables of docs/dialects.md.")
    parser.add_argument("--write", action="store_true", help="bring docs/dialects.md up to date")
    if parser.parse_args().write:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(names(), table(), sep="\n\n")


if __name__ == "__main__":
    main()
